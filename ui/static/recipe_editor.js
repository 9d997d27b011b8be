// Gradio's dark editor theme writes comments almost in the colour of the page; its class names differ from load to load.
window.studio.legibleComments = (page) => {
  const known = new Set();
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  const look = () => {
    const comment = [...page.querySelectorAll("#recipe-editor .cm-line span")].find((span) => span.textContent.startsWith("#"));
    if (!comment?.className || known.has(comment.className)) return;
    known.add(comment.className);
    const names = [...comment.classList].map((name) => `.${CSS.escape(name)}`).join("");
    sheet.insertRule(`.dark #recipe-editor ${names} { color: var(--body-text-color-subdued); }`);
  };
  new MutationObserver(look).observe(page, { childList: true, subtree: true });
};
