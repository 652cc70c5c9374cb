// Nothing typed is lost: what is typed is kept in this browser at once, and saved on the server a
// moment later. The copy in the browser is deleted as soon as the server has the text.

const PAUSE = 1_500; // ms after the last key
const LONGEST = 4_000; // ms while one goes on typing
const AGAIN = 5_000; // ms until the next try, where the server can't be reached
const FRESH = 60_000; // ms for which the session is taken to last
const OLD = 30 * 24 * 3_600_000; // ms after which a copy is dropped
const PREFIX = "mailroom-draft:";
const NOT_CONTENT = new Set([
  "csrfmiddlewaretoken", "seen_version", "issue", "tab", "look", "reader", "picture", "alt",
]);

export function startSaving(form, words) {
  const fields = form.elements;
  const status = document.getElementById("saved");
  const trouble = document.getElementById("trouble");
  let isAboutSaving = false; // a save that succeeds clears only what saving itself has said
  // Made anew for each page: a tab that was duplicated is another one.
  const tab = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
  form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "tab", value: tab }));

  let dirty = false; // the server does not have it yet
  let since = 0; // when the first of it was typed
  let stopped = "undecided" in form.dataset; // a person has to decide first
  let leaving = false;
  let timer;
  let request = null; // the save on its way
  let heardAt = Date.now(); // the server's last answer
  let savedAt = Date.parse(status.dataset.savedAt) || 0;

  // -- Content and its copy in the browser --------------------------------------------------------

  const content = () => Object.fromEntries(
    [...new FormData(form)].filter(([name, value]) => !NOT_CONTENT.has(name) && typeof value === "string"),
  );
  const own = `${PREFIX}${form.dataset.user}:`;
  const key = () => own + (fields.issue.value || `new-${tab}`);

  function keep() {
    const copy = { time: Date.now(), version: fields.seen_version.value, content: content() };
    try {
      localStorage.setItem(key(), JSON.stringify(copy));
    } catch {
      // Full or forbidden: the server still gets it.
    }
  }

  function copies() {
    const found = [];
    for (const name of Object.keys(localStorage).filter((one) => one.startsWith(PREFIX))) {
      const copy = JSON.parse(localStorage.getItem(name));
      if (Date.now() - copy.time > OLD) localStorage.removeItem(name);
      else if (name === key() || (!fields.issue.value && name.startsWith(`${own}new-`))) found.push([name, copy]);
    }
    return found;
  }

  // Offer what was typed here and never reached the server.
  function offerCopies() {
    const now = content();
    for (const [name, copy] of copies()) {
      if (Object.entries(copy.content).every(([field, value]) => (now[field] ?? "") === value)) {
        localStorage.removeItem(name);
        continue;
      }
      const when = new Date(copy.time).toLocaleString(document.documentElement.lang);
      say(words.found.replace("%(when)s", when), [words.restore, () => restore(name, copy)], [
        words.discard, () => { localStorage.removeItem(name); say(""); },
      ]);
    }
  }

  function restore(name, copy) {
    for (const [field, value] of Object.entries(copy.content)) {
      if (fields[field]) fields[field].value = value;
    }
    // The version that this text was typed onto: had another one been saved since, that is asked.
    if (fields.issue.value) fields.seen_version.value = copy.version;
    localStorage.removeItem(name);
    say("");
    fields.body.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // -- What the page says ---------------------------------------------------------------------------

  function sayOfOthers(text) {
    say(text);
    isAboutSaving = false;
  }

  function say(text, ...actions) {
    isAboutSaving = true;
    trouble.replaceChildren();
    if (!text) return;
    const line = Object.assign(document.createElement("p"), { className: "errornote", textContent: `${text} ` });
    for (const [label, does] of actions) {
      const isLink = typeof does === "string";
      const one = document.createElement(isLink ? "a" : "button");
      one.textContent = label;
      one.className = "button";
      if (isLink) Object.assign(one, { href: does, target: "_blank" });
      else Object.assign(one, { type: "button", onclick: does });
      line.append(one, " ");
    }
    trouble.append(line);
  }

  const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
  function showState() {
    if (dirty || !savedAt) {
      status.textContent = dirty && !fields.newsletter.value ? words.choose : words.unsaved;
      return;
    }
    const seconds = Math.round((savedAt - Date.now()) / 1000);
    const [number, unit] = seconds > -60 ? [Math.min(0, seconds), "second"]
      : seconds > -3600 ? [Math.round(seconds / 60), "minute"] : [Math.round(seconds / 3600), "hour"];
    status.textContent = words.saved.replace("%(when)s", relative.format(number, unit));
  }

  // -- Saving ---------------------------------------------------------------------------------------

  function changed() {
    if (!dirty) since = Date.now();
    dirty = true;
    keep();
    showState();
    // Whatever was tested, this is something else.
    form.querySelector("[name=_preview]").classList.add("default");
    form.querySelector("[name=_publish]")?.classList.remove("default");
    schedule(Math.min(PAUSE, Math.max(0, since + LONGEST - Date.now())));
  }

  function schedule(delay) {
    clearTimeout(timer);
    timer = setTimeout(save, delay);
  }

  // Save what is not saved yet. True if the server has it all, false if it can't have it now
  // (offline, signed out), null where a submit of the page shows what is wrong.
  async function save({ keepalive = false } = {}) {
    clearTimeout(timer);
    while (request) await request;
    if (!dirty) return true;
    if (stopped || !fields.newsletter.value) return null;
    request = send(keepalive);
    try {
      return await request;
    } finally {
      request = null;
    }
  }

  async function send(keepalive, isAgain = false) {
    const sent = content();
    const data = new URLSearchParams(sent);
    for (const name of ["csrfmiddlewaretoken", "seen_version", "issue", "tab"]) data.set(name, fields[name].value);
    let answer;
    let told = {};
    try {
      const headers = { Accept: "application/json" };
      const how = { method: "POST", body: data, headers, redirect: "manual", keepalive: keepalive && data.toString().length < 60_000 };
      answer = await fetch(form.dataset.save, how);
      if (answer.headers.get("Content-Type")?.startsWith("application/json")) told = await answer.json();
    } catch {
      say(words.offline);
      schedule(AGAIN);
      return false;
    }
    if (answer.ok) return accepted(told, sent);
    if (answer.status === 409) {
      stopped = true;
      say(`${told.error} ${words.conflict}`, [words.compare, () => form.requestSubmit(form.querySelector("[name=_continue]"))]);
      return null;
    }
    if (answer.type === "opaqueredirect" || answer.status === 403) {
      // The session has ended, or another sign-in has changed the form's token.
      const isHere = await session();
      if (isHere && !isAgain) return send(keepalive, true);
      if (!isHere) return false;
    }
    if (answer.status >= 500) schedule(AGAIN);
    say(words.refused.replace("%(why)s", told.error || `HTTP ${answer.status}`));
    return null;
  }

  function accepted(told, sent) {
    localStorage.removeItem(key());
    if (!fields.issue.value) {
      fields.issue.value = told.issue;
      history.replaceState(null, "", told.change_url);
      form.action = told.change_url;
    }
    fields.seen_version.value = told.version;
    savedAt = heardAt = Date.now();
    const now = content();
    dirty = Object.keys(now).some((name) => now[name] !== sent[name]);
    if (dirty) {
      since = Date.now();
      keep();
      schedule(PAUSE);
    }
    if (isAboutSaving) say("");
    showState();
    return true;
  }

  // -- The session ------------------------------------------------------------------------------------

  let waiting; // while nobody is signed in

  // True if the user who opened the page is signed in (again); the form has a token that works then.
  async function session() {
    let answer;
    try {
      answer = await fetch(`${form.dataset.session}?format=json`, { redirect: "manual" });
    } catch {
      say(words.offline);
      return false;
    }
    const told = answer.ok ? await answer.json() : {};
    if (told.user === form.dataset.user) {
      for (const one of document.querySelectorAll("[name=csrfmiddlewaretoken]")) one.value = told.token;
      clearInterval(waiting);
      waiting = undefined;
      return true;
    }
    say(told.user ? words.stranger : words.expired, [words.sign_in, form.dataset.session]);
    waiting ??= setInterval(again, AGAIN);
    return false;
  }

  async function again() {
    if (waiting && await session()) {
      say("");
      await save();
    }
  }

  function signedIn() {
    return new Promise((resolve) => {
      const look = async () => (await session()) ? resolve() : setTimeout(look, AGAIN);
      look();
    });
  }

  // -- When ---------------------------------------------------------------------------------------------

  for (const kind of ["input", "change"]) {
    form.addEventListener(kind, (event) => {
      if (event.target.name && !NOT_CONTENT.has(event.target.name)) changed();
    });
  }

  // Save, Test and Publish send the form itself: only when the server can be reached and knows us.
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (leaving || button?.formTarget) return; // it is the preview in its frame
    if (!dirty && !request && !waiting && Date.now() - heardAt < FRESH) return;
    event.preventDefault();
    const saved = await save();
    if (saved === false || !(await session())) return;
    leaving = true;
    clearTimeout(timer);
    form.requestSubmit(button);
  });

  addEventListener("beforeunload", (event) => {
    if (dirty && !leaving) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") save({ keepalive: true });
    else again();
  });
  addEventListener("online", () => save());
  addEventListener("focus", again);
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload(); // the page as it was left: its version is old
  });
  document.getElementById("logout-form")?.addEventListener("submit", () => {
    for (const name of Object.keys(localStorage)) if (name.startsWith(PREFIX)) localStorage.removeItem(name);
  });

  setInterval(showState, 1000);
  if (stopped) keep();
  else offerCopies();
  if ("refused" in form.dataset && !stopped) changed();

  return { now: save, say: sayOfOthers, signedIn };
}
