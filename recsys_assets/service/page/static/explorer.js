// The pages work without this: it makes "/" go to the search, and shows what is found while one types.
"use strict";

const search = document.querySelector("input[type=search]");

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea");
  if (event.key === "/" && search && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
  }
});

const found = document.getElementById("found");
let waiting;

async function showFound() {
  const asked = search.value;
  const answer = await fetch(`/?q=${encodeURIComponent(asked)}`);
  if (!answer.ok || asked !== search.value) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  found.replaceChildren(...page.getElementById("found").childNodes);
}

if (search && found) {
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(showFound, 200);
  });
}
