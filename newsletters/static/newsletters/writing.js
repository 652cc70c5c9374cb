// The page on which an issue is written: preview, toolbar, shortcuts, pictures, pasting.
// Without this file the form works by its buttons alone.
import "../vendor/markdown-toolbar-element/markdown-toolbar-element.js";
import "../vendor/file-attachment-element/file-attachment-element.js";
import { startSaving } from "./autosave.js";
import { insert, markdownOf } from "./paste.js";

const form = document.getElementById("issue_form");
const body = document.getElementById("id_body");
const words = JSON.parse(document.getElementById("writing-words").textContent);
const saving = startSaving(form, words);

// -- Preview: shown again whenever the checks were (htmx asks for them while one types) ----------

const showButton = document.getElementById("desk_show");
showButton.hidden = true; // the preview follows the text
let shown = 0;

// The old frame stays until the new one is there, and a fresh one each time keeps the browser's
// Back button for the page itself.
function showPreview() {
  const old = document.querySelector(".desk-frame:not(.desk-fresh)");
  document.querySelector(".desk-fresh")?.remove();
  const fresh = old.cloneNode();
  fresh.classList.add("desk-fresh");
  fresh.name = showButton.formTarget = `desk-frame-${++shown}`;
  old.after(fresh);
  fresh.addEventListener("load", () => {
    fresh.classList.remove("desk-fresh");
    old.remove();
  }, { once: true });
  form.requestSubmit(showButton);
}

document.body.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.elt.hasAttribute("data-desk")) showPreview();
});

// -- Words --------------------------------------------------------------------------------------

function countWords() {
  const number = body.value.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
  document.getElementById("words").textContent = `${words.words.replace("%(n)s", number)} ·`;
}
body.addEventListener("input", countWords);
countWords();

// -- Toolbar and shortcuts ------------------------------------------------------------------------

const toolbar = document.querySelector("markdown-toolbar");

// Put a block of its own at the cursor, or below the line that the cursor is in, with the part
// selected that is to be replaced first.
function insertBlock(text, select) {
  const end = body.value.indexOf("\n", body.selectionEnd);
  const isInLine = body.selectionStart && body.value[body.selectionStart - 1] !== "\n";
  if (isInLine) body.selectionStart = body.selectionEnd = end < 0 ? body.value.length : end;
  const [before, after] = [body.value.slice(0, body.selectionStart), body.value.slice(body.selectionEnd)];
  const start = before && !before.endsWith("\n\n") ? (before.endsWith("\n") ? "\n" : "\n\n") : "";
  insert(body, `${start}${text}\n${after && !after.startsWith("\n") ? "\n" : ""}`);
  const at = select ? body.value.lastIndexOf(select, body.selectionStart) : -1;
  if (at >= 0) body.setSelectionRange(at, at + select.length);
}

toolbar.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.insert) insertBlock(button.dataset.insert, button.dataset.select);
  if (button?.dataset.mdButton === "picture") document.getElementById("picture_file").click();
});

body.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
  const button = toolbar.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
});

document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "s") return;
  event.preventDefault();
  saving.now();
});

const placeholder = document.getElementById("placeholder");
placeholder.closest("p").hidden = false;
placeholder.addEventListener("change", () => {
  const code = placeholder.value;
  const chosen = body.value.slice(body.selectionStart, body.selectionEnd);
  placeholder.value = "";
  if (code) insert(body, chosen && code.endsWith("_url}") ? `[${chosen}](${code})` : code);
});

// -- Pictures: dropped, pasted or chosen; each is described, uploaded and put at the cursor --------

document.querySelector(".desk-pictures").hidden = true; // it is for pages without scripts
const dialog = document.getElementById("picture_dialog");

function describe(name) {
  const alt = document.getElementById("picture_dialog_alt");
  document.getElementById("picture_dialog_name").textContent = name;
  alt.value = dialog.returnValue = "";
  dialog.showModal();
  alt.focus();
  return new Promise((resolve) => {
    const done = () => resolve(dialog.returnValue === "insert" ? alt.value : null);
    dialog.addEventListener("close", done, { once: true });
  });
}

async function upload(file, alt) {
  const data = new FormData();
  data.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  data.append("picture", file);
  data.append("alt", alt);
  saving.say(words.uploading.replace("%(name)s", file.name));
  try {
    const headers = { Accept: "application/json" };
    const request = { method: "POST", body: data, headers, redirect: "manual" };
    let answer = await fetch(form.dataset.upload, request);
    if (answer.type === "opaqueredirect") {
      await saving.signedIn();
      data.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
      answer = await fetch(form.dataset.upload, request);
    }
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error);
    saving.say("");
    insertBlock(told.markup);
  } catch (error) {
    const why = error instanceof TypeError ? words.no_connection : error.message;
    saving.say(words.upload_failed.replace("%(name)s", file.name).replace("%(why)s", why));
  }
}

document.querySelector("file-attachment").addEventListener("file-attachment-accepted", async (event) => {
  for (const { file } of event.detail.attachments) {
    const alt = await describe(file.name);
    if (alt !== null) await upload(file, alt);
  }
});

// -- Pasting: formatted text becomes Markdown --------------------------------------------------------

// Before the picture's own listener, which would take the picture that a spreadsheet sends along.
body.addEventListener("paste", (event) => {
  const html = event.clipboardData?.getData("text/html");
  const { markdown, leftOut } = html ? markdownOf(html) : {};
  if (!markdown) return;
  event.preventDefault();
  event.stopPropagation();
  insert(body, markdown);
  saving.say(leftOut ? words.pictures_left_out : "");
});
