// The ComfyUI package of a run: its files, whether ComfyUI will load it, and what an export is doing.
{
  const { make } = window.studio;

  const failure = (error) => make("div", { className: "try-error" },
    make("strong", {}, error.text), error.fix ? make("p", {}, error.fix) : null,
    make("details", {}, make("summary", {}, "Log"), make("pre", {}, error.log)));

  const job = (one, trigger) => make("div", { className: "try-card", data: { state: one.state } },
    make("p", { className: "try-news" }, one.news),
    one.error ? failure(one.error) : null,
    make("div", { className: "try-actions" },
      one.state === "queued" || one.state === "running" ? make("button", { type: "button", className: "try-button", on: { click: () => trigger("stop", { id: one.id }) } }, "Stop") : null,
      make("details", { className: "try-command" }, make("summary", {}, "Command"), make("code", {}, one.command))));

  const table = (rows, heads) => make("div", { className: "pk-scroll" }, make("table", {},
    heads ? make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)))) : null,
    make("tbody", {}, ...rows.map(([first, ...rest]) => make("tr", {}, make("th", { scope: "row" }, first), ...rest.map((text) => make("td", {}, text)))))));

  const files = (one) => {
    const when = new Date(one.exported * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const notes = [];
    if (one.earlier.length) notes.push(`Exported earlier, still in the folder and not in the download: ${one.earlier.join(", ")}.`);
    if (one.left_out.length) notes.push(`Left out, because these links lead out of the folder: ${one.left_out.join(", ")}.`);
    return make("section", { className: "pk-part" },
      make("div", { className: "pk-head" },
        make("div", {}, make("h4", {}, one.name), make("p", {}, `${one.folder} \u00b7 exported ${when} \u00b7 ${one.size}`)),
        make("a", { className: "pk-download", href: window.studio.address(one.download), download: `${one.name}.zip` }, "Download as zip")),
      table(one.files.map((file) => [file.name, file.label, file.size]), ["File", "What it is", "Size"]),
      ...notes.map((text) => make("p", { className: "pk-note" }, text)));
  };

  const report = (one) => make("section", { className: "pk-part" },
    make("div", { className: "pk-head" }, make("div", {}, make("h4", {}, "Load report"))),
    make("p", { className: `pk-verdict ${one.good ? "pk-good" : "pk-bad"}` }, one.verdict),
    one.comparison ? make("p", { className: "pk-note" }, one.comparison) : null,
    one.not_loaded.length ? make("pre", {}, one.not_loaded.join("\n")) : null,
    one.rows.length ? table(one.rows) : null);

  window.studio.exportPackage = (root, { props, trigger, watch }) => {
    root.classList.add("tries", "pk");
    const draw = () => {
      const value = props.value ?? {};
      const parts = value.package ? [make("div", { className: "pk-parts" }, files(value.package), value.report ? report(value.report) : null)] : [];
      if (!parts.length && !value.job) parts.push(make("div", { className: "empty" }, value.empty ?? ""));
      root.replaceChildren(...(value.job ? [job(value.job, trigger)] : []), ...parts);
    };
    draw();
    watch("value", draw);
  };
}
