// The shell of the page's own parts: each file of this folder adds a function to `studio`, which `ui.parts.widget` calls.
window.studio = {
  // Draws a part once; the part itself watches `value` and redraws what changed.
  mount(name, element, props, trigger, watch, server, upload) {
    const root = element.querySelector(".widget") ?? element;
    const draw = window.studio[name];
    if (draw) draw(root, { props, trigger, watch, server, upload });
  },

  // An element with properties and children; texts become text nodes, never markup.
  make(tag, options = {}, ...children) {
    const { className, data, on, ...rest } = options;
    const node = document.createElement(tag);
    if (className) node.className = className;
    for (const [key, value] of Object.entries(data ?? {})) node.dataset[key] = value;
    for (const [event, listener] of Object.entries(on ?? {})) node.addEventListener(event, listener);
    for (const [key, value] of Object.entries(rest)) {
      if (value === undefined || value === null || value === false) continue;
      if (key in node && typeof value !== "string") node[key] = value;
      else node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  },

  // Address of something that this server serves, wherever a proxy has put the page.
  address(path) {
    return new URL(path, document.baseURI).href;
  },

  isDark() {
    return document.body.classList.contains("dark");
  },
};

// The page that is open stays open over a reload, which Gradio also does by itself when the server comes back.
window.studio.rememberPage = () => {
  const key = "ltx-studio.page";
  const buttons = () => [...document.querySelectorAll("#pages > * [role=tab][data-tab-id]")];
  const keep = () => {
    const open = buttons().find((button) => button.ariaSelected === "true");
    if (open) sessionStorage.setItem(key, open.dataset.tabId);
  };
  const begin = () => {
    const before = sessionStorage.getItem(key);
    const wanted = buttons().find((button) => button.dataset.tabId === before);
    if (wanted && wanted.ariaSelected !== "true") wanted.click();
    const row = buttons()[0].parentElement;
    new MutationObserver(keep).observe(row, { subtree: true, attributeFilter: ["aria-selected"] });
    keep();
  };
  const waiting = new MutationObserver(() => {
    if (!buttons().length) return;
    waiting.disconnect();
    begin();
  });
  if (buttons().length) begin();
  else waiting.observe(document.body, { subtree: true, childList: true });
};

window.studio.header = (root, { props, watch }) => {
  const { make } = window.studio;
  const running = make("span", { className: "header-running" });
  const theme = make("button", { type: "button", className: "header-button", "aria-label": "Light or dark" }, "Light / dark");
  theme.addEventListener("click", () => {
    const dark = !window.studio.isDark();
    document.body.classList.toggle("dark", dark);
    localStorage.setItem("ltx-studio.theme", dark ? "dark" : "light");
  });
  const chosen = localStorage.getItem("ltx-studio.theme");
  if (chosen) document.body.classList.toggle("dark", chosen === "dark");
  const tensorboard = make("a", { className: "header-button", href: "tensorboard/", target: "_blank", rel: "noopener" }, "TensorBoard");
  const folder = make("span", { className: "header-folder" });
  root.replaceChildren(
    make("div", { className: "header" }, make("h1", {}, "LTX Recipes"), folder, running, tensorboard, theme),
  );
  const draw = () => {
    const { workspace, running: titles, queued } = props.value ?? { workspace: "", running: [], queued: 0 };
    folder.textContent = workspace;
    folder.title = workspace;
    const waiting = queued ? `${queued} waiting` : "";
    running.textContent = [titles.length > 2 ? `${titles.length} jobs running` : titles.join(", "), waiting].filter(Boolean).join(" · ");
    running.classList.toggle("busy", titles.length > 0);
  };
  draw();
  watch("value", draw);
  window.studio.rememberPage();
};
