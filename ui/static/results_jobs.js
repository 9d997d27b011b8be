// The evaluations and samples that were started for a run: state, command, and why one failed.
window.studio.resultsJobs = (root, { props, trigger, watch }) => {
  const { make } = window.studio;
  root.classList.add("rjobs");
  const item = (job) => make("li", { data: { state: job.state } },
    make("div", { className: "rjobs-line" },
      make("strong", {}, job.title), make("span", { className: "rjobs-state" }, job.told),
      job.active ? make("button", { type: "button", disabled: job.stopping, on: { click: () => trigger("stop", { job: job.id }) } }, job.stopping ? "Stopping" : "Stop") : null),
    make("code", {}, job.command), ...job.lines.map((line) => make("p", {}, line)));
  const draw = () => {
    const jobs = props.value?.jobs ?? [];
    root.replaceChildren(...(jobs.length ? [make("ul", {}, ...jobs.map(item))] : []));
  };
  draw();
  watch("value", draw);
};
