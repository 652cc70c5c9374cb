// Formatted text from the clipboard (of a web page, a word processor, a spreadsheet) as Markdown.
import TurndownService from "../vendor/turndown/turndown.js";
import { tables } from "../vendor/turndown-plugin-gfm/turndown-plugin-gfm.js";

const FORMATTED = "a[href], b, strong, em, i, del, s, strike, h1, h2, h3, h4, h5, h6, ul, ol, table, blockquote, pre, code, hr, [data-picture]";
const BLOCKS = "p, div, table, ul, ol, h1, h2, h3, h4, h5, h6, blockquote, pre";
const HOLD = "\u2060"; // keeps the place of a picture, which turndown would drop as blank
const NUMBER = /^[\s$€£¥+\-−(]*\d[\d\s.,'’]*[)%$€£¥]?$/;

const turndown = new TurndownService({
  headingStyle: "atx", bulletListMarker: "-", codeBlockStyle: "fenced", emDelimiter: "_",
});
turndown.use(tables);
turndown.addRule("strikethrough", { filter: ["del", "s", "strike"], replacement: (text) => `~~${text}~~` });
turndown.addRule("listItem", {
  filter: "li",
  replacement(text, node, options) {
    const list = node.parentNode;
    const start = Number(list.getAttribute("start") || 1);
    const mark = list.nodeName === "OL" ? `${start + [...list.children].indexOf(node)}. ` : `${options.bulletListMarker} `;
    const lines = text.trim().replace(/\n{2,}/g, "\n").replaceAll("\n", `\n${" ".repeat(mark.length)}`);
    return `${mark}${lines}${node.nextSibling ? "\n" : ""}`;
  },
});

// Put a text at the cursor in a way that Ctrl+Z undoes.
export function insert(area, text) {
  area.focus();
  if (document.execCommand("insertText", false, text)) return;
  area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

// The Markdown of some HTML ("" where it has no formatting worth keeping), and whether pictures
// were left out that only exist on the clipboard.
export function markdownOf(html) {
  const page = parse(html);
  const root = page.body;
  const leftOut = tidyPictures(root);
  styleToTags(root);
  officeLists(root);
  tidyLinks(root);
  for (const table of [...root.querySelectorAll("table")].reverse()) tidyTable(table);
  const hasText = Boolean(root.textContent.replaceAll(HOLD, "").trim()); // a picture alone is uploaded
  if (!hasText || !root.querySelector(FORMATTED)) return { markdown: "", leftOut };
  const markdown = turndown.turndown(root).replace(/\n{3,}/g, "\n\n").trim();
  return { markdown, leftOut };
}

// Styles and handlers are renamed before the text is parsed: the page's policy would report them.
function parse(html) {
  const quiet = html
    .replace(/<(style|script|xml|title|template|noscript)\b[^>]*>[\s\S]*?<\/\1\s*>/gi, "")
    .replace(/<(?:link|meta|base|iframe|object|embed)\b[^>]*>/gi, "")
    .replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/([\s"'/])(style|on\w+|srcset|background)\s*=/gi, "$1data-$2="))
    .replace(/<img\b([^>]*?)\ssrc\s*=/gi, "<img$1 data-src=") // nothing is fetched while looking
    .replaceAll("\u00a0", " ").replace(/[\u200b\ufeff]/g, "");
  return new DOMParser().parseFromString(quiet.replace(/&nbsp;|&#160;/gi, " "), "text/html");
}

function tidyPictures(root) {
  let leftOut = false;
  for (const other of root.querySelectorAll("[data-picture]")) other.removeAttribute("data-picture");
  for (const image of root.querySelectorAll("img")) {
    const source = image.dataset.src || "";
    const isPixel = ["0", "1"].includes(image.getAttribute("width")) || ["0", "1"].includes(image.getAttribute("height"));
    if (/^https?:/i.test(source) && !isPixel) {
      const shown = root.ownerDocument.createElement("span");
      shown.dataset.picture = source;
      shown.dataset.alt = image.getAttribute("alt") || "";
      shown.textContent = HOLD;
      image.replaceWith(shown);
    } else {
      leftOut ||= !isPixel && Boolean(source);
      image.remove();
    }
  }
  for (const other of root.querySelectorAll("svg, video, audio, canvas, input, button, select, textarea")) other.remove();
  return leftOut;
}
turndown.addRule("picture", {
  filter: (node) => node.nodeName === "SPAN" && node.dataset.picture,
  replacement(_text, node) {
    const alt = node.dataset.alt.replace(/[\\[\]*_`<&!{}]/g, "\\$&").replace(/\s+/g, " ");
    return `![${alt}](${node.dataset.picture.replace(/[\s()<>]/g, encodeURIComponent).replaceAll("(", "%28").replaceAll(")", "%29")})`;
  },
});

// What word processors say by style attributes, said by tags; and bold that is none.
function styleToTags(root) {
  const make = (name) => root.ownerDocument.createElement(name);
  for (const node of [...root.querySelectorAll("[data-style]")]) {
    const style = node.dataset.style.replace(/\s/g, "").toLowerCase();
    if (/^(B|STRONG)$/.test(node.nodeName) && /(^|;)font-weight:(normal|[1-4]00)/.test(style)) {
      node.replaceWith(...node.childNodes);
      continue;
    }
    if (!/^(SPAN|FONT)$/.test(node.nodeName) || !node.textContent.trim()) continue;
    for (const [says, tag] of [
      [/(^|;)font-weight:(bold|[6-9]00)/, "strong"], [/(^|;)font-style:italic/, "em"], [/text-decoration[^;]*:[^;]*line-through/, "del"],
    ]) {
      if (!says.test(style) || node.closest("h1, h2, h3, h4, h5, h6, th")) continue;
      const inner = make(tag);
      inner.append(...node.childNodes);
      node.append(inner);
    }
  }
  for (const node of root.querySelectorAll("h1 b, h2 b, h3 b, h4 b, h5 b, h6 b, h1 strong, h2 strong, h3 strong")) node.replaceWith(...node.childNodes);
}

// Word's lists are paragraphs that begin with a bullet and say their level in a style.
function officeLists(root) {
  const isItem = (node) => node?.nodeName === "P" && /mso-list:\s*l\d/i.test(node.dataset.style || "");
  for (const first of [...root.querySelectorAll("p")].filter(isItem)) {
    if (!first.isConnected) continue;
    const open = []; // the list of each level
    let node = first;
    const place = root.ownerDocument.createElement("div");
    first.before(place);
    while (isItem(node)) {
      const next = node.nextElementSibling;
      const level = Number(/level(\d+)/i.exec(node.dataset.style)?.[1] || 1);
      const bullet = [...node.querySelectorAll("[data-style]")].find((one) => /mso-list:\s*ignore/i.test(one.dataset.style));
      const isNumbered = /^\s*\(?(\d+|[a-z]{1,3})[.)]/i.test(bullet?.textContent || "");
      bullet?.remove();
      open.length = Math.min(open.length, level);
      while (open.length < level) {
        const list = root.ownerDocument.createElement(isNumbered ? "ol" : "ul");
        (open.at(-1)?.lastElementChild || open.at(-1) || place).append(list);
        open.push(list);
      }
      const item = root.ownerDocument.createElement("li");
      item.append(...node.childNodes);
      open.at(-1).append(item);
      node.remove();
      node = next;
    }
  }
}

// A link that leads nowhere in an email is text.
function tidyLinks(root) {
  for (const link of root.querySelectorAll("a")) {
    const url = link.getAttribute("href") || "";
    if (!/^(https?:|mailto:|tel:)/i.test(url) || !(link.textContent.trim())) link.replaceWith(...link.childNodes);
  }
}

// A table with one row of heads, cells of one line, and numbers on the right. One that only lays
// out a page (a single column, or blocks in its cells) is taken apart.
function tidyTable(table) {
  const make = (name) => table.ownerDocument.createElement(name);
  const rows = [...table.rows].filter((row) => row.textContent.trim());
  const width = Math.max(0, ...rows.map((row) => [...row.cells].reduce((sum, cell) => sum + cell.colSpan, 0)));
  const isLayout = width < 2 || table.getAttribute("role") === "presentation" || table.querySelector("h1, h2, h3, ul, ol, table, blockquote, pre");
  if (isLayout) {
    const parts = rows.flatMap((row) => [...row.cells]).map((cell) => {
      const part = make("div");
      part.append(...cell.childNodes);
      return part;
    });
    table.replaceWith(...parts);
    return;
  }
  const texts = rows.map((row) => [...row.cells].flatMap((cell) => [cell, ...Array(cell.colSpan - 1).fill(null)]));
  const isNumeric = (at) => texts.length > 1 && texts.slice(1).every((row) => !row[at]?.textContent.trim() || NUMBER.test(row[at].textContent.trim()));
  const clean = make("table");
  const [head, rest] = [make("thead"), make("tbody")];
  texts.forEach((cells, number) => {
    const row = make("tr");
    for (let at = 0; at < width; at++) {
      const cell = make(number ? "td" : "th");
      const old = cells[at];
      if (old) cell.append(...oneLine(old, number === 0).childNodes);
      if (number === 0 && isNumeric(at)) cell.setAttribute("align", "right");
      row.append(cell);
    }
    (number ? rest : head).append(row);
  });
  clean.append(head, rest);
  table.replaceWith(clean);
}

function oneLine(cell, isHead) {
  for (const block of [...cell.querySelectorAll(BLOCKS)].reverse()) block.replaceWith(...block.childNodes, " ");
  for (const line of cell.querySelectorAll("br")) line.replaceWith(" ");
  if (isHead) for (const bold of cell.querySelectorAll("b, strong")) bold.replaceWith(...bold.childNodes);
  return cell;
}
turndown.addRule("tableCell", {
  filter: ["th", "td"],
  replacement(text, node) {
    const start = node.previousSibling ? " " : "| ";
    return `${start}${text.replace(/\s+/g, " ").trim().replaceAll("|", "\\|").replace(/^\\([-+])/, "$1")} |`;
  },
});
