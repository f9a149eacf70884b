/* Suggestions below the search on top, as a combobox; without scripts its form leads to the page of hits. All listeners sit on
   the document, so they outlive swapped pages. */
(() => {
  "use strict";
  const WAIT = 180;
  let timer = 0, asking = null;
  const seek = (element) => element && element.matches && element.matches("[data-find]");
  const box = (input) => document.getElementById(input.getAttribute("aria-controls"));
  const options = (input) => [...box(input).querySelectorAll("[role=option]")];
  const chosen = (input) => options(input).find((o) => o.getAttribute("aria-selected") === "true");
  const worth = (text) => text.length > 1 || /[^\x00-\x7f]/.test(text);

  function shut(input) {
    clearTimeout(timer);
    if (asking) asking.abort();
    asking = null;
    box(input).replaceChildren();
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  async function ask(input) {
    const text = input.value.trim();
    if (asking) asking.abort();
    if (!worth(text)) return shut(input);
    const mine = asking = new AbortController();
    try {
      const answer = await fetch(`/find?${new URLSearchParams({ q: text, suggest: "1" })}`, { signal: mine.signal });
      const page = answer.ok && !answer.redirected ? await answer.text() : "";
      if (mine.signal.aborted || document.activeElement !== input) return;
      box(input).innerHTML = page;
      if (window.htmx) htmx.process(box(input));
      input.setAttribute("aria-expanded", String(page !== ""));
      input.removeAttribute("aria-activedescendant");
    } catch (gone) { /* overtaken by the next letter, or nobody answers: Enter still leads to the page of hits */ }
  }

  function mark(input, option) {
    options(input).forEach((o) => o.setAttribute("aria-selected", String(o === option)));
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("input", (event) => {
    if (!seek(event.target) || event.isComposing) return;
    clearTimeout(timer);
    timer = setTimeout(() => ask(event.target), WAIT);
  });
  document.addEventListener("compositionend", (event) => { if (seek(event.target)) ask(event.target); });
  document.addEventListener("keydown", (event) => {
    const input = event.target;
    if (!seek(input) || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const list = options(input), at = list.indexOf(chosen(input));
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move && list.length) {
      event.preventDefault();
      mark(input, list[at < 0 ? (move > 0 ? 0 : list.length - 1) : (at + move + list.length) % list.length]);
    } else if (move) {
      event.preventDefault();
      ask(input);
    } else if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      list[at].click();
    } else if (event.key === "Escape" && input.getAttribute("aria-expanded") === "true") {
      event.preventDefault();  // which would empty the box as well
      event.stopImmediatePropagation();
      shut(input);
    }
  }, true);
  document.addEventListener("submit", (event) => { const input = event.target.querySelector("[data-find]"); if (input) shut(input); });
  document.addEventListener("focusout", (event) => {
    const input = event.target.closest && event.target.closest(".bar-search") && document.querySelector("[data-find]");
    if (input && !(event.relatedTarget && input.closest(".bar-search").contains(event.relatedTarget))) setTimeout(() => { if (document.activeElement !== input) shut(input); }, 150);
  });
})();
