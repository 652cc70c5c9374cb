// Shows the mail beside the text whenever the checks were told anew (htmx asks for them while one
// types). Without this file the button does it. The old frame stays until the new one is there, and
// a fresh one each time keeps the browser's Back button for the page itself.
(() => {
  const button = document.getElementById("desk_show");
  if (!button) return;
  let shown = 0;

  function show() {
    const old = document.querySelector(".desk-frame:not(.desk-fresh)");
    document.querySelector(".desk-fresh")?.remove();
    const fresh = old.cloneNode();
    fresh.classList.add("desk-fresh");
    fresh.name = button.formTarget = `desk-frame-${++shown}`;
    old.after(fresh);
    fresh.addEventListener("load", () => {
      fresh.classList.remove("desk-fresh");
      old.remove();
    }, { once: true });
    button.form.requestSubmit(button);
  }

  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && event.detail.elt.hasAttribute("data-desk")) show();
  });

  document.body.addEventListener("htmx:afterSwap", (event) => {
    for (const one of event.target.querySelectorAll("[data-insert]")) one.hidden = false;
  });

  document.body.addEventListener("click", (event) => {
    const { insert } = event.target.dataset;
    if (!insert) return;
    const body = document.getElementById("id_body");
    body.setRangeText(`\n${document.getElementById(insert).value}\n`, body.selectionStart, body.selectionEnd, "end");
    body.focus();
    body.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
