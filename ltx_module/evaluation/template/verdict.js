// The headline, the findings, the notices and the facts of the run.
const FAULTS = {
  underfit: "Underfit",
  overfit: "Overfit",
  bleeds: "Bleeds into other prompts",
  no_trigger_response: "No response to the trigger",
  dead_audio: "Dead audio",
  too_strong: "Too strong",
  inconsistent: "Inconsistent over seeds",
};

function drawVerdict(showClips) {
  const { best, findings, summary } = evaluation.verdict;
  // What is wrong with another checkpoint does not colour the headline of the recommended one.
  const own = findings.filter((finding) => !best || !finding.checkpoint || finding.checkpoint === best.checkpoint);
  const state = own.some((finding) => finding.severity === "error") ? "error" : own.length || !best ? "warning" : "good";
  const card = el("div", { class: `headline ${state}` }, el("p", { class: "summary" }, coded(summary)));
  if (best) {
    card.append(
      el("div", { class: "recommendation" },
        el("p", {}, el("span", { class: "label" }, "Best"), el("strong", {}, best.checkpoint), " at strength ", el("strong", {}, strengthText(best.strength))),
        el("p", { class: "reason" }, coded(best.reason)),
        showClips && el("button", { type: "button", class: "primary", on: { click: () => showClips(best) } }, "See its clips")),
    );
  } else card.append(el("p", { class: "reason" }, "No checkpoint is recommended."));
  byId("verdict").append(card);
  if (findings.length === 0) {
    return evaluation.checkpoints.length ? byId("verdict").append(el("p", { class: "nothing" }, "No fault was found.")) : undefined;
  }
  byId("verdict").append(
    el("h3", {}, count(findings.length, "finding")),
    el("ul", { class: "findings" }, findings.map(findingCard)),
  );
  return undefined;
}

function findingCard(finding) {
  const evidence = Object.entries(finding.evidence ?? {});
  return el("li", { class: `finding ${finding.severity === "error" ? "error" : "warning"}` },
    el("h4", {},
      el("span", { class: "severity" }, finding.severity === "error" ? "Error" : "Warning"),
      el("span", {}, FAULTS[finding.fault] ?? words(finding.fault))),
    finding.checkpoint && el("p", { class: "where" }, finding.checkpoint),
    el("p", { class: "text" }, coded(finding.text)),
    evidence.length > 0 && el("dl", { class: "evidence" }, evidence.map(([name, value]) => {
      const metric = metricOf(name);
      return el("div", { "data-tip": metricTip(metric) || null, tabindex: metricTip(metric) ? 0 : null },
        el("dt", {}, metric.label), el("dd", {}, withUnit(value, metric.unit)));
    })),
    el("p", { class: "remedy" }, el("span", { class: "label" }, "What to change"), coded(finding.remedy)));
}

function drawNotices() {
  byId("notices").append(...content.notices.map((text) => el("p", { class: "notice", role: "note" }, text)));
}

function drawFacts() {
  const facts = [
    ["Recipe", evaluation.recipe],
    ["Run", evaluation.run],
    ["Trigger", evaluation.trigger || "none"],
    ["Base model", evaluation.base_model],
    ["Evaluated", evaluation.created],
    ["Seeds", evaluation.seeds.join(", ")],
    ["Strengths", evaluation.strengths.map(strengthText).join(", ")],
    ["Samples", `${evaluation.samples.length}, ${content.megabytes} MB ${content.inline ? "inside this file" : "beside this file"}`],
  ];
  byId("facts").append(
    el("h2", {}, "About this evaluation"),
    el("dl", {}, facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, String(value ?? "")))),
      el("div", { class: "whole" }, el("dt", {}, "LoRA files"), el("dd", {}, evaluation.checkpoints.length
        ? el("ul", {}, evaluation.checkpoints.map((checkpoint) => el("li", {}, checkpoint.file))) : "none"))),
  );
}
