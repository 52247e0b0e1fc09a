// The editor of documents: CodeMirror over a text field, which stays what the form sends. Without it, the field is the editor.
// It lives under a shadow root, where its styles need no exception in the page's policy.

const { basicSetup, EditorState, EditorView, HighlightStyle, syntaxHighlighting, json, lintGutter, setDiagnostics, tags } = CodeMirror;

const theme = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--card)", border: "1px solid var(--field)", borderRadius: "8px", maxHeight: "72vh", fontSize: "13px" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-scroller": { overflow: "auto", fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace", lineHeight: "1.5" },
  ".cm-content": { caretColor: "var(--text)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--sunk)", color: "var(--soft)", border: "0", borderRadius: "8px 0 0 8px" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 7%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: "var(--accent-soft)" },
  ".cm-panels, .cm-tooltip": { backgroundColor: "var(--card)", color: "var(--text)", border: "1px solid var(--edge)", borderRadius: "8px" },
  ".cm-textfield, .cm-button": { background: "var(--sunk)", color: "var(--text)", border: "1px solid var(--field)" },
  // The library draws these as images in data: addresses, which the page's policy rightly refuses.
  ".cm-lint-marker": { content: "none", width: "9px", height: "9px", margin: "5px 2px", borderRadius: "50%" },
  ".cm-lint-marker-error": { content: "none", backgroundColor: "var(--alarm)" },
  ".cm-lint-marker-warning": { content: "none", backgroundColor: "var(--note)" },
  ".cm-lintRange-error, .cm-lintRange-error.cm-lintRange-active": { backgroundImage: "none", textDecoration: "underline wavy var(--alarm)", backgroundColor: "var(--alarm-soft)" },
  ".cm-lintRange-warning, .cm-lintRange-warning.cm-lintRange-active": { backgroundImage: "none", textDecoration: "underline wavy var(--note)", backgroundColor: "var(--note-soft)" },
  ".cm-diagnostic": { fontFamily: "system-ui, sans-serif", fontSize: "13px" },
});
const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.string, color: "var(--text)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--note)" },
  { tag: tags.punctuation, color: "var(--soft)" },
]);

function edit(field) {
  const host = document.createElement("div");
  host.className = "editor";
  const root = host.attachShadow({ mode: "open" });
  const readOnly = field.readOnly;
  const label = field.labels[0];
  const view = new EditorView({
    doc: field.value,
    parent: root,
    root,
    extensions: [
      basicSetup, json(), lintGutter(), theme, syntaxHighlighting(colours), EditorView.lineWrapping,
      EditorState.readOnly.of(readOnly),
      EditorView.contentAttributes.of({ "aria-label": label ? label.textContent.trim() : "Document", spellcheck: "false", tabindex: "0" }),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        field.value = update.state.doc.toString();
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }),
    ],
  });
  field.after(host);
  field.hidden = true;
  label?.addEventListener("click", () => view.focus());
  return view;
}

// Columns count characters, as whoever reads a message does; the editor counts UTF-16 units.
function offset(view, line, column) {
  const at = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
  return at.from + [...at.text].slice(0, column - 1).join("").length;
}

function place(view, finding) {
  const from = offset(view, Number(finding.dataset.line), Number(finding.dataset.column));
  const rest = view.state.doc.sliceString(from, from + 200);
  return { from, to: from + Math.max(1, /^([\w.]+|"[^"\n]*"?)?/.exec(rest)[0].length) };
}

function show(view) {
  const length = view.state.doc.length;
  const found = [...document.querySelectorAll("#judged [data-line]")].map((finding) => {
    const { from, to } = place(view, finding);
    const message = finding.querySelector(".message").textContent;
    return { from: Math.min(from, length), to: Math.min(to, length), severity: finding.dataset.severity, message };
  });
  view.dispatch(setDiagnostics(view.state, found));
}

const views = new Map([...document.querySelectorAll("textarea[data-json]")].map((field) => [field.id, edit(field)]));
const main = views.get("document");

if (main && document.getElementById("judged")) {
  show(main);
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "judged") show(main);
  });
  document.addEventListener("click", (event) => {
    const finding = event.target.closest("[data-goto]")?.closest("[data-line]");
    if (!finding) return;
    const { from } = place(main, finding);
    main.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
    main.focus();
  });
}

// Ctrl+S saves the draft, not the page.
document.addEventListener("keydown", (event) => {
  const button = document.querySelector(".keep .main");
  if (!button || event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  button.click();
});

let saved = document.getElementById("document")?.value;
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "state" && document.querySelector("#state [role=status]")) saved = document.getElementById("document").value;
});
document.addEventListener("submit", () => { saved = document.getElementById("document")?.value; });
window.addEventListener("beforeunload", (event) => {
  const field = document.getElementById("document");
  if (field && field.name && field.value !== saved) event.preventDefault();
});
