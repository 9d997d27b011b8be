// The recipes to choose from: groups of cards, and once one is chosen a line that says which.
window.studio.recipeCards = (root, { props, trigger, watch }) => {
  const { make } = window.studio;
  root.classList.add("recipes");
  // Gradio 6.31 tells of a text field's input on key presses only, which pasting and Backspace are not.
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!field.closest?.("#recipe-work .recipe-row, #recipe-run") || !["text", "textarea"].includes(field.type)) return;
    field.dispatchEvent(new KeyboardEvent("keypress", { key: "Unidentified", bubbles: true }));
  });
  let open = false;
  const page = root.closest("#page-recipe");
  if (page) window.studio.legibleComments(page);
  const fact = (name, text) => (text ? [make("dt", {}, name), make("dd", {}, text)] : []);
  const facts = (card) => make("dl", {}, ...fact("Data", card.data), ...fact("Needs", card.needs), ...fact("Time", card.hours));
  const choose = (card) => {
    open = false;
    if (card.name === props.value?.chosen?.name) draw(); // what was set stays
    else trigger("choose", { name: card.name });
  };
  const button = (card, chosen) => make(
    "button",
    { type: "button", className: "recipe-card", "aria-pressed": String(card.name === chosen), data: { recipe: card.name }, on: { click: () => choose(card) } },
    make("strong", {}, card.title), make("span", {}, card.gives), facts(card),
  );
  const summary = (chosen) => make(
    "div", { className: "recipe-chosen" },
    make("div", { className: "recipe-chosen-text" }, make("h2", {}, chosen.title), make("p", {}, chosen.gives), chosen.note ? make("p", { className: "recipe-note" }, chosen.note) : null, facts(chosen)),
    make("button", { type: "button", className: "recipe-other", "aria-expanded": String(open), on: { click: () => { open = !open; draw(); } } }, open ? "Keep this one" : "Choose another recipe"),
  );
  const draw = () => {
    const { groups = [], chosen = null } = props.value ?? {};
    const parts = chosen ? [summary(chosen)] : [make("div", { className: "empty" }, make("strong", {}, "Which recipe?"), "Choose what you want to get; every setting can be changed afterwards.")];
    if (!chosen || open) {
      for (const group of groups) {
        const cards = group.cards.map((card) => button(card, chosen?.name));
        parts.push(make("h3", {}, group.name), make("div", { className: "recipe-cards" }, ...cards));
      }
    }
    root.replaceChildren(...parts);
  };
  draw();
  watch("value", () => { if (props.value?.chosen) open = false; draw(); });
};
