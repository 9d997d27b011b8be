// Files and folders dropped or chosen, sent one after the other with their progress, and taken into the dataset at once.
{
  const make = (...words) => window.studio.make(...words);
  const FATES = ["added", "there already", "refused"];
  const MOST_ROWS = 200;

  class ClipUpload {
    constructor(root, { props, watch, server, trigger }) {
      Object.assign(this, { root, props, server, trigger, waiting: [], counts: {} });
      this.build();
      watch("value", () => this.draw());
      this.draw();
    }

    build() {
      const files = make("input", { type: "file", multiple: true, hidden: true, "aria-label": "Files to add" });
      const folder = make("input", { type: "file", multiple: true, hidden: true, "aria-label": "Folder to add" });
      folder.webkitdirectory = true;
      for (const input of [files, folder]) {
        input.addEventListener("change", () => {
          this.add([...input.files].map((file) => ({ file, name: belowTop(file.webkitRelativePath) || file.name })));
          input.value = "";
        });
      }
      const choose = make("button", { type: "button", className: "cg-button" }, "Choose files");
      const chooseFolder = make("button", { type: "button", className: "cg-button" }, "Choose a folder");
      choose.addEventListener("click", () => files.click());
      chooseFolder.addEventListener("click", () => folder.click());
      this.buttons = [choose, chooseFolder];
      this.hint = make("span", { className: "cu-hint" });
      this.zone = make("div", { className: "cu-zone" }, this.hint, make("div", { className: "cg-buttons" }, choose, chooseFolder), files, folder);
      this.summary = make("p", { className: "cu-summary", role: "status", hidden: true });
      this.bar = make("progress", { className: "cu-progress", max: 1, value: 0, hidden: true, "aria-label": "Upload" });
      this.rows = make("ul", { className: "cu-rows" });
      this.root.replaceChildren(make("section", { className: "cu", "aria-label": "Add clips" }, this.zone, this.bar, this.summary, this.rows));
      this.zone.addEventListener("dragover", (event) => {
        event.preventDefault();
        this.zone.classList.add("over");
      });
      this.zone.addEventListener("dragleave", () => this.zone.classList.remove("over"));
      this.zone.addEventListener("drop", async (event) => {
        event.preventDefault();
        this.zone.classList.remove("over");
        if (this.dataset) this.add(await dropped(event.dataTransfer));
      });
    }

    draw() {
      const { dataset, closed } = this.props.value ?? {};
      if (dataset !== this.dataset && !this.running) {
        this.rows.replaceChildren();
        this.summary.hidden = true;
      }
      this.dataset = closed ? "" : dataset;
      for (const button of this.buttons) button.disabled = !this.dataset;
      this.hint.textContent = closed || (this.dataset
        ? "Drop clips, captions, a folder or a zip here. References and masks keep their folders."
        : "Choose or create a dataset, then drop clips here.");
    }

    add(files) {
      if (!this.dataset || !files.length) return;
      if (!this.running) {
        this.counts = { total: 0, done: 0 };
        this.fates = {};
        this.rows.replaceChildren();
      }
      this.counts.total += files.length;
      this.waiting.push(...files.map((one) => ({ ...one, dataset: this.dataset })));
      if (!this.running) this.run();
    }

    async run() {
      this.running = true;
      this.bar.hidden = false;
      this.summary.hidden = false;
      while (this.waiting.length) {
        const next = this.waiting.shift();
        this.tell(`Sending ${next.name}`);
        try {
          const path = await send(next.file, (part) => { this.bar.value = (this.counts.done + part) / this.counts.total; });
          const answer = await this.server.take_upload({ dataset: next.dataset, path, name: next.name });
          if (answer.error) this.note({ name: next.name, fate: "refused", reason: answer.error });
          for (const one of answer.received ?? []) this.note(one);
        } catch (error) {
          this.note({ name: next.name, fate: "refused", reason: error.message });
        }
        this.counts.done += 1;
        this.bar.value = this.counts.done / this.counts.total;
      }
      this.running = false;
      this.bar.hidden = true;
      const told = FATES.filter((fate) => this.fates[fate]).map((fate) => `${this.fates[fate]} ${fate}`).join(", ");
      this.tell(told ? `${told}.` : "Nothing was added.");
      window.dispatchEvent(new CustomEvent("studio:clips-changed"));
      this.trigger("added", {});
    }

    tell(text) {
      this.summary.textContent = this.running ? `${text} (${this.counts.done + 1} of ${this.counts.total})` : text;
    }

    note({ name, fate, reason }) {
      this.fates[fate] = (this.fates[fate] ?? 0) + 1;
      if (fate === "added" || this.rows.children.length >= MOST_ROWS) return;
      this.rows.append(make("li", { data: { fate } }, `${name}: ${reason || fate}`));
    }
  }

  function send(file, progress) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const form = new FormData();
      form.append("files", file, file.name);
      request.open("POST", window.studio.address("gradio_api/upload"));
      request.upload.addEventListener("progress", (event) => event.lengthComputable && progress(event.loaded / event.total));
      request.addEventListener("load", () => {
        if (request.status !== 200) return reject(new Error(request.responseText.slice(0, 300) || "the studio did not take it"));
        try {
          return resolve(JSON.parse(request.responseText)[0]);
        } catch {
          return reject(new Error("the studio did not take it"));
        }
      });
      request.addEventListener("error", () => reject(new Error("the connection broke off; send it again")));
      request.send(form);
    });
  }

  // A chosen folder is the dataset itself: its own name is left out.
  function belowTop(path) {
    return path.split("/").slice(1).join("/");
  }

  async function dropped(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.length) return [...transfer.files].map((file) => ({ file, name: file.name }));
    const lone = entries.length === 1 && entries[0].isDirectory;
    const found = [];
    for (const entry of entries) await collect(entry, "", found);
    return lone ? found.map((one) => ({ ...one, name: belowTop(one.name) })) : found;
  }

  async function collect(entry, folder, found) {
    const name = folder + entry.name;
    if (entry.isFile) {
      found.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), name });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!entries.length) return;
      for (const one of entries) await collect(one, `${name}/`, found);
    }
  }

  window.studio.clipUpload = (root, given) => {
    new ClipUpload(root, given);
  };
}
