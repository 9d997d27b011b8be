// What a check found: figures, clips by bucket, what was dropped and why, what was noticed.
window.studio.recipePlan = (root, { props, watch }) => {
  const { make } = window.studio;
  root.classList.add("recipe-plan");
  const box = (tone, text) => make("div", { className: `notice notice-${tone}`, role: tone === "bad" ? "alert" : "status" }, text);
  const table = (head, rows) => make(
    "table", {},
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((text) => make("td", {}, String(text)))))),
  );
  const section = (title, ...children) => make("section", {}, make("h4", {}, title), ...children);
  const folded = (title, open, ...children) => make("details", { open }, make("summary", {}, title), ...children);
  const states = {
    queued: ["info", "The check waits in the queue."],
    stopped: ["warn", "The check was stopped. Press Check to begin again."],
    lost: ["bad", "The check ended without a word, perhaps with the machine. Press Check to begin again."],
  };
  const heading = (value) => {
    const [tone, text] = states[value.state] ?? [];
    if (text) return box(tone, text);
    if (value.state === "running") return box("info", ["Checking.", value.pending ? "Training starts when it passes." : "", value.last].filter(Boolean).join(" "));
    if (value.state === "finished") return box("good", "The check has passed: this is what would happen.");
    const error = value.error ?? { text: "The check has failed.", fix: "" };
    return box("bad", [error.text, error.fix].filter(Boolean).join("\n"));
  };
  const drawn = (plan) => {
    const parts = [];
    if (plan.problems.length) parts.push(...plan.problems.map((text) => box("bad", text)));
    parts.push(make("dl", { className: "plan-facts" }, ...plan.facts.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text)))));
    if (plan.buckets.length) {
      const rows = plan.buckets.map((one) => [one.bucket, one.count, one.held_out || "", one.with_sound || ""]);
      parts.push(section("Clips by bucket", table(["Bucket", "Clips", "Held out", "With sound"], rows)));
    }
    if (plan.given.length) parts.push(section("Given", make("ul", {}, ...plan.given.map((text) => make("li", {}, text)))));
    if (plan.num_dropped) {
      const rows = plan.dropped.map((one) => [one.name, one.reason]);
      parts.push(folded(`${plan.num_dropped} not used`, plan.num_dropped <= 10, table(["Clip", "Why"], rows)));
    }
    if (plan.findings.length) {
      const worst = plan.findings[0].tone !== "info";
      parts.push(folded(`${plan.findings.length} noticed`, worst, ...plan.findings.map((one) => box(one.tone, one.text))));
    }
    return parts;
  };
  const draw = () => {
    const value = props.value ?? { state: "none" };
    if (value.state === "none") return root.replaceChildren(make("div", { className: "empty" }, make("strong", {}, "Not checked yet"), "Check looks at every clip and says what would happen: clips by bucket, time, memory, disk."));
    root.replaceChildren(heading(value), ...(value.plan ? drawn(value.plan) : []));
    return undefined;
  };
  draw();
  watch("value", draw);
};
