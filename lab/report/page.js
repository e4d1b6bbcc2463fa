"use strict";
// The page reads without this: it filters the verdict table, and unfolds everything for print.
const filters = document.querySelector(".filters");
if (filters) {
  filters.hidden = false;
  filters.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const wanted = button.dataset.outcome;
    for (const each of filters.querySelectorAll("button"))
      each.setAttribute("aria-pressed", String(each === button));
    for (const row of document.querySelectorAll("[data-outcome-row]"))
      row.hidden = wanted !== "" && row.dataset.outcomeRow !== wanted;
  });
}
// A link to something folded away unfolds it.
const unfold = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (!target) return;
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  target.scrollIntoView({ block: "center" });
};
addEventListener("hashchange", unfold);
unfold();
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const each of folded) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of folded) each.open = false;
});
