// The state of the dataset as a whole, and the jobs that work on it, looked at every other second while they are seen.
{
  const make = (...words) => window.studio.make(...words);
  const BUSY_MS = 2000;
  const IDLE_MS = 10000;
  const STATES = { queued: "Waiting", running: "Running", finished: "Done", failed: "Failed", stopped: "Stopped", lost: "Lost" };

  class ClipJobs {
    constructor(root, { props, watch, server, trigger }) {
      Object.assign(this, { root, props, server, trigger, active: new Map(), cards: new Map() });
      this.list = make("div", { className: "cj-list" });
      this.root.replaceChildren(make("section", { className: "cj", "aria-label": "Jobs of this dataset" }, this.list));
      watch("value", () => this.look());
      document.addEventListener("visibilitychange", () => this.look());
      this.look();
    }

    async look() {
      clearTimeout(this.next);
      const dataset = this.props.value?.dataset;
      if (dataset !== this.dataset) {
        this.dataset = dataset;
        this.active = new Map();
        this.list.replaceChildren();
        this.cards = new Map();
      }
      if (dataset && !document.hidden && this.root.offsetParent !== null) {
        const answer = await this.server.dataset_jobs({ dataset }).catch(() => ({}));
        if (dataset === this.dataset && answer.jobs) this.draw(answer.jobs);
      }
      clearTimeout(this.next);
      this.next = setTimeout(() => this.look(), this.active.size ? BUSY_MS : IDLE_MS);
    }

    draw(jobs) {
      const active = new Map(jobs.filter((job) => job.active).map((job) => [job.id, `${job.done}/${job.lines.at(-1) ?? ""}`]));
      const ended = [...this.active.keys()].some((id) => !active.has(id));
      const moved = [...active].some(([id, state]) => this.active.has(id) && this.active.get(id) !== state);
      this.active = active;
      const kept = new Map();
      for (const job of jobs) {
        const told = JSON.stringify(job);
        let card = this.cards.get(job.id);
        if (card?.told !== told) card = { told, element: this.card(job, card?.element.querySelector("details")?.open) };
        kept.set(job.id, card);
      }
      const changed = [...kept].some(([id, card]) => this.cards.get(id) !== card) || kept.size !== this.cards.size;
      this.cards = kept;
      if (changed) this.lay([...kept.values()].map((card) => card.element), active.size + 1);
      if (ended || moved) window.dispatchEvent(new CustomEvent("studio:clips-changed"));
      if (ended) this.trigger("ended", {});
    }

    // What runs and what ended last; earlier jobs behind a line.
    lay(elements, number) {
      const earlier = elements.slice(number);
      const open = this.list.querySelector(".cj-earlier")?.open;
      const behind = earlier.length ? make("details", { className: "cj-earlier", open }, make("summary", {}, `${earlier.length} earlier`), ...earlier) : null;
      this.list.replaceChildren(...[...elements.slice(0, number), behind].filter(Boolean));
    }

    card(job, open) {
      const state = job.findings ? "finished" : job.state;
      const progress = job.active && job.total ? make("progress", { max: job.total, value: job.done, "aria-label": job.title }) : null;
      const told = job.active && job.total ? `${job.done} of ${job.total} clips` : job.state === "queued" && job.position ? `place ${job.position} in the queue` : "";
      const stop = job.active ? make("button", { type: "button", className: "cg-button", disabled: job.stopping }, job.stopping ? "Stopping" : "Stop") : null;
      stop?.addEventListener("click", async () => {
        stop.disabled = true;
        await this.server.stop_dataset_job({ id: job.id }).catch(() => ({}));
        this.look();
      });
      const details = make("details", { open }, make("summary", {}, "Command and log"),
        make("code", { className: "cj-command" }, job.command), make("pre", { className: "cj-log" }, job.lines.join("\n") || "No output yet."));
      const error = state === "failed" || state === "lost" ? make("p", { className: "cj-error" }, [job.error, job.fix].filter(Boolean).join("\n")) : null;
      return make("article", { className: "cj-card", data: { state } },
        make("div", { className: "cj-head" }, make("span", { className: "cj-state" }, STATES[state] ?? state), make("span", { className: "cj-title" }, job.title), make("span", { className: "cj-told" }, told), stop),
        progress, job.active ? make("p", { className: "cj-line" }, job.lines.at(-1) ?? "") : null, error, details);
    }
  }

  class ClipHealth {
    constructor(root, { props, watch }) {
      Object.assign(this, { root, props });
      watch("value", () => this.draw());
      this.draw();
    }

    draw() {
      const value = this.props.value ?? {};
      if (!value.dataset || value.error) return this.root.replaceChildren(make("div", { className: "ch" }, value.error ? make("p", { className: "ch-verdict", data: { tone: "bad" } }, value.error) : null));
      const verdict = value.verdict || (value.clips ? "Not checked yet." : "");
      const rows = value.findings.map((one) => make("li", { data: { severity: one.severity } },
        one.name ? make("strong", {}, one.name) : null, one.name ? ": " : "", one.message, one.fix ? make("span", { className: "cg-fix" }, one.fix) : null));
      const list = rows.length ? make("details", { className: "ch-findings" }, make("summary", {}, `${rows.length + value.more} about the dataset as a whole`), make("ul", {}, ...rows)) : null;
      this.root.replaceChildren(make("section", { className: "ch", "aria-label": "Health of the dataset" }, ...[
        verdict && make("p", { className: "ch-verdict", data: { tone: value.tone } }, verdict),
        value.counts && make("p", { className: "ch-counts" }, `${value.counts}. Checked ${value.checked}.`),
        list,
      ].filter(Boolean)));
      return undefined;
    }
  }

  window.studio.clipJobs = (root, given) => {
    new ClipJobs(root, given);
  };
  window.studio.clipHealth = (root, given) => {
    new ClipHealth(root, given);
  };
}
