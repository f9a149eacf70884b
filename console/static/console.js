/* Comfort on top of pages that work without it: keys, pickers, rows of lines, live changes. All listeners sit on the
   document, so they outlive swapped pages. */
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const typing = (element) => element && element.matches("input:not([type=radio],[type=checkbox]), textarea, select");

  // -- keys ------------------------------------------------------------------------------------------------
  let leader = 0;
  const rows = () => all("#list tbody tr[data-doc]");
  const current = () => $("tr.is-current");

  function step(distance) {
    const list = rows();
    if (!list.length) return;
    const at = list.indexOf(current());
    const next = list[Math.max(0, Math.min(list.length - 1, at < 0 ? (distance > 0 ? 0 : list.length - 1) : at + distance))];
    list.forEach((row) => row.classList.toggle("is-current", row === next));
    next.scrollIntoView({ block: "nearest" });
  }

  function go(letter) {
    const link = $(`.side a[data-go="${CSS.escape(letter)}"]`);
    if (link) link.click();
  }

  const keys = {
    "/": () => { const box = $("[data-find]") || $("[data-search]"); if (box) { box.focus(); box.select(); } },
    j: () => step(1),
    k: () => step(-1),
    Enter: () => { const link = current() && $("a.open", current()); if (link) link.click(); return !!link; },
    e: () => { const link = $("[data-edit]"); if (link) link.click(); },
    ".": () => { const first = $("#actions .btn"); if (first) first.focus(); },
    "?": () => { const link = $('a[href="/shortcuts"]'); if (link) link.click(); },
  };

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "F9") {
      const form = (event.target.closest && event.target.closest("form[data-save]")) || $("form[data-save]");
      if (form) { event.preventDefault(); form.requestSubmit($("[data-submit]", form)); }
      return;
    }
    if (event.key === "Escape") return close(event);
    if (pickerKey(event) || typing(event.target)) return;
    if (leader && Date.now() - leader < 1500) { leader = 0; event.preventDefault(); return go(event.key); }
    if (event.key === "g") { leader = Date.now(); return; }
    if (event.key === "Enter" && event.target !== document.body && event.target.id !== "main") return;
    if (keys[event.key] && keys[event.key]() !== false) event.preventDefault();
  });

  function close(event) {
    const open = $("details.drop[open]");
    const box = $(".options:not(:empty)");
    if (box) { shut(box.closest(".picker")); return; }
    if (open) { open.open = false; $("summary", open).focus(); return; }
    if (typing(event.target)) { event.target.blur(); return; }
    if (location.hash === "#nav") { location.hash = "#main"; return; }
    const cancel = $("[data-cancel]");
    if (cancel) cancel.click();
  }

  document.addEventListener("click", (event) => {
    all("details.drop[open]").forEach((open) => { if (!open.contains(event.target)) open.open = false; });
    all(".picker").forEach((picker) => { if (!picker.contains(event.target)) shut(picker); });
    const copy = event.target.closest("[data-copy]");
    if (copy && navigator.clipboard) navigator.clipboard.writeText(copy.dataset.copy).then(() => copy.classList.add("is-copied"));
    const option = event.target.closest(".option[data-value]");
    if (option) take(option);
    const add = event.target.closest("[data-add]");
    if (add) { event.preventDefault(); addRow(add.closest("[data-rows]")); }
  });

  // A row opens by a click anywhere in it, but not on what has a meaning of its own, nor where text was being selected.
  function opened(event) {
    const row = event.target.closest(".rows-table tr[data-doc]");
    const own = event.target.closest("a, button, input, select, textarea, label, summary");
    return row && !own && getSelection().isCollapsed ? $("a.open", row) : null;
  }
  document.addEventListener("click", (event) => {
    const link = opened(event);
    if (!link) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey) window.open(link.href, "_blank"); else link.click();
  });
  document.addEventListener("auxclick", (event) => {
    const link = event.button === 1 && opened(event);
    if (link) window.open(link.href, "_blank");
  });

  // -- pressed state, focus after a page was swapped -----------------------------------------------------------
  document.addEventListener("submit", (event) => {
    const button = event.submitter || $("[data-submit]", event.target);
    if (button) { button.setAttribute("aria-busy", "true"); setTimeout(() => button.removeAttribute("aria-busy"), 8000); }
  });
  document.addEventListener("submit", (event) => {
    // The page may have been open longer than its token lives, and only who is signed in may send much: renew it first.
    const form = event.target;
    if (!form.matches("[data-upload]") || form.dataset.renewed) return;
    event.preventDefault();
    form.dataset.renewed = "1";
    fetch(location.pathname, { method: "HEAD" }).catch(() => null).then(() => form.requestSubmit());
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    // Nobody is signed in any more: the form stays as it is, to be submitted again.
    if (!event.detail.xhr || !event.detail.xhr.getResponseHeader("X-Signed-Out")) return;
    all("[aria-busy]").forEach((b) => b.removeAttribute("aria-busy"));
    notice("ended", () => window.open("/sign-in", "_blank"));
  });
  window.addEventListener("pageshow", () => all("[aria-busy]").forEach((b) => b.removeAttribute("aria-busy")));
  // What was refused, where somebody already is, or the first thing to fill in (a finger is not met with a keyboard on the screen).
  function begin() {
    const told = $("[data-focus]") || $("main :focus") || matchMedia("(pointer: fine)").matches && $("form[data-save] :is(input:not([type=hidden]), select, textarea)");
    if (told) told.focus();
    return told;
  }
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== document.body) return;
    if (!begin() && $("#main")) $("#main").focus({ preventScroll: true });
    listen();
    missed();
  });

  // -- pickers -------------------------------------------------------------------------------------------------
  const parts = (picker) => ({ value: $("input[type=hidden]", picker), text: $("[role=combobox]", picker), box: $(".options", picker) });

  function shut(picker) {
    const { text, box } = parts(picker);
    box.replaceChildren();
    text.setAttribute("aria-expanded", "false");
  }

  function take(option) {
    const picker = option.closest(".picker");
    const { value, text } = parts(picker);
    value.value = option.dataset.value;
    text.value = option.textContent.trim();
    shut(picker);
    text.focus();
    value.dispatchEvent(new Event("change", { bubbles: true }));
  }

  document.addEventListener("input", (event) => {
    const picker = event.target.closest(".picker");
    if (!picker) return;
    parts(picker).value.value = "";
    shut(picker);
  });

  // A click or an arrow asks for the list, whether focus came by hand or by a page that was swapped in. What is asked for
  // before the input is wired up is asked for again then.
  let wished = null;
  function ask(text) {
    wished = text;
    htmx.trigger(text, "ask");
  }
  document.addEventListener("click", (event) => {
    const text = event.target.closest(".picker [role=combobox]");
    if (text && !all(".option", text.closest(".picker")).length) ask(text);
  });
  document.addEventListener("htmx:configRequest", (event) => {
    // What is chosen already names itself: the list shows what else there is.
    const picker = event.target.closest && event.target.closest(".picker");
    if (picker && parts(picker).value.value) event.detail.parameters[parts(picker).text.name] = "";
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    // Suggestions for what was typed before are worse than none.
    const box = event.detail.target;
    if (!box || !box.classList || !box.classList.contains("options")) return;
    const { value, text } = parts(box.closest(".picker"));
    const asked = new URL(event.detail.pathInfo.finalRequestPath, location.href).searchParams.get(text.name) || "";
    if (asked !== (value.value ? "" : text.value)) event.detail.shouldSwap = false;
  });

  // Typed while the page was not wired up yet: nobody heard it, so it is asked for now.
  function unheard() {
    const text = document.activeElement;
    if (text && text.matches(".picker [role=combobox]") && (text.value || text === wished)) htmx.trigger(text, text === wished ? "ask" : "focus");
    wished = null;
  }
  document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.target === document.body) unheard(); });

  document.addEventListener("htmx:beforeRequest", (event) => {
    // Focus alone asks only when nothing is chosen yet: coming back to a filled picker shows no list.
    const picker = event.target.closest && event.target.closest(".picker");
    const asked = event.detail.requestConfig && event.detail.requestConfig.triggeringEvent;
    if (picker && asked && asked.type === "focus" && parts(picker).value.value) event.preventDefault();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const picker = event.target.closest && event.target.closest(".picker");
    if (!picker) return;
    if (document.activeElement !== parts(picker).text) return shut(picker);
    parts(picker).text.setAttribute("aria-expanded", "true");
  });
  document.addEventListener("focusout", (event) => {
    const picker = event.target.closest && event.target.closest(".picker");
    if (picker && !picker.contains(event.relatedTarget)) setTimeout(() => { if (!picker.contains(document.activeElement)) shut(picker); }, 150);
  });

  function pickerKey(event) {
    const picker = event.target.closest && event.target.closest(".picker");
    if (!picker) return false;
    const options = all(".option[data-value]", picker);
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!options.length) {
      if (!move) return false;
      event.preventDefault();
      ask(parts(picker).text);
      return true;
    }
    const at = options.findIndex((o) => o.getAttribute("aria-selected") === "true");
    if (event.key === "Enter" || event.key === "Tab") {
      if (at < 0) return false;
      if (event.key === "Enter") event.preventDefault();
      take(options[at]);
      return true;
    }
    if (!move) return false;
    event.preventDefault();
    const next = options[(at + move + options.length) % options.length];
    options.forEach((o) => o.setAttribute("aria-selected", String(o === next)));
    next.scrollIntoView({ block: "nearest" });
    return true;
  }

  // -- lines ---------------------------------------------------------------------------------------------------
  function addRow(set) {
    const lines = all("[data-row]", set);
    const fresh = lines[lines.length - 1].cloneNode(true);
    const name = set.dataset.rows;
    const from = `${name}-${lines.length - 1}-`, to = `${name}-${lines.length}-`;
    all("*", fresh).forEach((element) => {
      for (const attribute of [...element.attributes]) {
        if (attribute.value.includes(from)) element.setAttribute(attribute.name, attribute.value.replaceAll(from, to));
      }
      if (element.matches("input:not([type=radio],[type=checkbox]), textarea")) { element.value = ""; element.removeAttribute("value"); }
      if (element.matches(".wrong")) element.remove();
      element.classList.remove("is-wrong");
    });
    lines[lines.length - 1].after(fresh);
    htmx.process(fresh);
    const first = $("input:not([type=hidden])", fresh);
    if (first) first.focus();
  }

  // -- live ----------------------------------------------------------------------------------------------------
  const kinds = { "work_order.changed": "work-orders" };
  let source = null, waiting = new Map(), retry = 1000;
  const newest = new Map();  // version last told of each document, also of those that no page shows yet

  function listen() {
    const address = document.body.dataset.live;
    if (!address || source || !window.EventSource) return;
    source = new EventSource(address);
    let fresh = true;  // the page was rendered before the stream began: what happened between is asked for once
    source.onopen = () => { retry = 1000; noticed(); if (fresh) catchUp(); fresh = false; };
    Object.keys(kinds).forEach((name) => source.addEventListener(name, (event) => changed(kinds[name], JSON.parse(event.data))));
    source.addEventListener("notice", noticed);
    source.addEventListener("reset", () => { noticed(); catchUp(); });
    source.onerror = () => {
      if (!source || source.readyState !== EventSource.CLOSED) return;
      source = null;
      setTimeout(again, retry);
      retry = Math.min(retry * 2, 60000);
    };
  }

  const noticed = () => document.dispatchEvent(new Event("noticed"));  // bell.js, and the list of notices
  async function again() {
    // The stream ends with its token: a fresh one, then listen on and catch up.
    const answer = await fetch("/session", { method: "POST", headers: { "X-CSRF-Token": token() } }).catch(() => null);
    if (!answer || !answer.redirected) listen();
  }
  document.addEventListener("unlocked", listen);  // the stream ended with the lock
  const token = () => { const input = $('input[name="csrf_token"]'); return input ? input.value : ""; };

  function changed(resource, data) {
    newest.set(`${resource}/${data.id}`, data.version);
    if (newest.size > 1000) newest.delete(newest.keys().next().value);
    const there = $(`[data-doc="${resource}/${CSS.escape(data.id)}"]`);
    if (there && Number(there.dataset.version) >= data.version) return;
    if (!there && !($("#list") && location.pathname === `/${resource}`)) return;
    waiting.set(`${resource}/${data.id}`, there ? "shown" : "new");
    clearTimeout(changed.timer);
    changed.timer = setTimeout(apply, 150);
  }

  // A page that was rendered before a change, and shown after its message came.
  function missed() {
    all("[data-doc]").forEach((there) => { if (newest.get(there.dataset.doc) > Number(there.dataset.version)) waiting.set(there.dataset.doc, "shown"); });
    apply();
  }

  function apply() {
    for (const [doc, how] of waiting) {
      const there = $(`[data-doc="${doc}"]`);
      if (how === "new") soon();
      else if (there && there.tagName === "TR") row(doc);
      else if (there) refresh();
    }
    waiting = new Map();
  }

  // However many documents come in, the list is asked for once in a while.
  function soon() {
    if (!$("#list[data-work-list]")) return notice();
    if (!soon.timer) soon.timer = setTimeout(() => { soon.timer = 0; catchUp(); }, 1000);
  }

  async function page(address) {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    return answer.ok && !answer.redirected ? answer.text() : "";
  }

  // The page as it is now; null where the user has gone on meanwhile, be it to another view of the same document.
  async function anew() {
    const here = location.pathname + location.search;
    const text = await page(here);
    return location.pathname + location.search === here ? new DOMParser().parseFromString(text, "text/html") : null;
  }

  async function row(doc) {
    const template = document.createElement("template");
    template.innerHTML = await page(`/row/${doc}`);
    replace($(`tr[data-doc="${doc}"]`), $("tr", template.content));
  }

  function replace(old, fresh) {
    if (!fresh || !old) return;
    fresh.classList.add("flash");
    fresh.classList.toggle("is-current", old.classList.contains("is-current"));
    const focused = old.contains(document.activeElement);
    old.replaceWith(fresh);
    htmx.process(fresh);
    if (focused && $("a.open", fresh)) $("a.open", fresh).focus({ preventScroll: true });
  }

  document.addEventListener("look", () => { if ($("#list[data-work-list]")) catchUp(); });

  async function catchUp() {
    const work = $("#list[data-work-list]");
    if (!work && !rows().length) return refresh();
    const other = await anew();
    if (!other || !$("#list", other)) return;  // gone on, or not reached this time
    if (work) document.dispatchEvent(new CustomEvent("settle", { detail: other }));
    all("tr[data-doc]", other).forEach((fresh) => {
      const old = $(`tr[data-doc="${fresh.dataset.doc}"]`);
      if (!old) notice();
      else if (old.dataset.version !== fresh.dataset.version) replace(old, document.adoptNode(fresh));
    });
  }

  // A document's parts are replaced one by one where they differ; inputs and focus stay untouched.
  async function refresh() {
    if (!$("article[data-doc]")) return;
    const fresh = await anew();
    const article = $("article[data-doc]"), other = fresh && $("article[data-doc]", fresh);
    if (!article || !other || article.dataset.doc !== other.dataset.doc) return;
    if (Number(other.dataset.version) < Number(article.dataset.version)) return;  // overtaken by a later look
    article.dataset.version = other.dataset.version;
    all("[data-part]", other).forEach((part) => {
      if (document.getElementById(part.id)) return;
      const before = part.previousElementSibling && document.getElementById(part.previousElementSibling.id);
      if (before && article.contains(before)) before.after(shown(part.cloneNode(true)));
      else notice();
    });
    all("[data-part]", article).forEach((part) => {
      const replacement = $(`#${CSS.escape(part.id)}`, other);
      if (!replacement) { if (!part.contains(document.activeElement)) part.remove(); return; }
      if (same(part, replacement) || $("[data-kept]", part) || part.contains(document.activeElement) && typing(document.activeElement)) return;
      const focused = part.contains(document.activeElement) && document.activeElement.dataset.action;
      const fit = shown(document.adoptNode(replacement));
      part.replaceWith(fit);
      const back = focused && ($(`[data-action="${CSS.escape(focused)}"]`, fit) || $(".btn", fit));
      if (back) back.focus({ preventScroll: true });
    });
  }
  // A gate that opens by what happens elsewhere (a payment), which does not change the document itself: asked again.
  setInterval(() => { if (!document.hidden && $("[data-elsewhere]")) refresh(); }, 4000);
  const shown = (part) => { part.classList.add("flash"); htmx.process(part); return part; };
  const same = (a, b) => words(a) === words(b);
  const words = (part) => part.textContent.replace(/\s+/g, " ").trim() + all("a[href],[data-action]", part).map((e) => e.getAttribute("href") || e.dataset.action).join(" ");

  function notice(text = "changed", act = () => location.reload()) {
    const box = $("#notice");
    if (!box || !box.hidden && text === "changed") return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = box.dataset[`${text}Do`];
    button.addEventListener("click", () => { box.hidden = true; act(); });
    box.classList.toggle("is-wrong", text.startsWith("un"));
    box.replaceChildren(box.dataset[text] + " ", button);
    box.hidden = false;
  }

  document.addEventListener("tell", (event) => notice(event.detail.text, event.detail.act || (() => {})));

  document.addEventListener("DOMContentLoaded", () => { begin(); unheard(); listen(); });
})();
