// What pages do beyond links and forms: watch live parts, open explanations beside the page, ask before what cannot be undone.
// Everything works without it.

for (const part of document.querySelectorAll("[data-live]")) {
  const source = new EventSource(part.dataset.live);
  source.onmessage = (event) => {
    // Not under somebody who is reading it with the keyboard.
    if (!part.contains(document.activeElement)) part.innerHTML = event.data;
  };
}

document.addEventListener("htmx:afterSwap", (event) => {
  const dialog = document.getElementById("why");
  if (event.target.id === "reason" && dialog && !dialog.open) dialog.showModal();
});

document.addEventListener("click", (event) => {
  if (event.target instanceof HTMLDialogElement) event.target.close();
});

document.addEventListener("submit", (event) => {
  const sure = event.submitter?.dataset.sure ?? event.target.dataset.sure;
  if (sure && !window.confirm(sure)) event.preventDefault();
});
