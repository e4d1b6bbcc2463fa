"use strict";
// The tables read without this: it searches them, and opens what a cell is made of.
const packed = document.getElementById("packed");
const opened = document.getElementById("opened");
const search = document.getElementById("search");
const rows = [...document.querySelectorAll("tr[data-search]")];
let wanted = "";

const filter = () => {
  const words = search.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const fits = words.every((word) => row.dataset.search.includes(word)) &&
      (wanted === "" || row.dataset.outcomes.split(" ").includes(wanted));
    row.hidden = !fits;
    shown += fits;
  }
  for (const section of document.querySelectorAll("[data-seat]"))
    section.hidden = !section.querySelector("tr[data-search]:not([hidden])");
  document.getElementById("found").textContent = `${shown} of ${rows.length}`;
};
document.querySelector(".tools").hidden = false;
search.addEventListener("input", filter);
document.querySelector(".tools .filters").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  wanted = button.dataset.outcome;
  for (const each of button.parentElement.children)
    each.setAttribute("aria-pressed", String(each === button));
  filter();
});

let unpacking = null;
const unpacked = () => {
  unpacking ??= (async () => {
    const octets = Uint8Array.from(atob(packed.textContent.replace(/\s+/g, "")), (c) => c.charCodeAt(0));
    const stream = new Blob([octets]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  })();
  return unpacking;
};

const made = (name, text, ...classes) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  element.classList.add(...classes.filter(Boolean));
  return element;
};
const drawn = (name, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};

const ladder = (trial) => {
  const hops = trial.hops ?? [];
  const nodes = [...new Set(hops.flatMap(([, sender, receiver]) => [sender, receiver]))];
  const gap = 215, left = 90, step = 34, top = 30;
  const height = top + hops.length * step + 14, width = left + Math.max(1, nodes.length - 1) * gap + 70;
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": `${trial.title}: ladder diagram` });
  const at = (node) => left + nodes.indexOf(node) * gap;
  for (const node of nodes) {
    svg.append(drawn("text", { x: at(node), y: 14, "text-anchor": "middle" }, node));
    svg.append(drawn("line", { class: "lifeline", x1: at(node), x2: at(node), y1: 20, y2: height }));
  }
  hops.forEach(([ms, sender, receiver, text, frame, mark], place) => {
    const y = top + (place + 0.75) * step, from = at(sender), to = at(receiver), way = Math.sign(to - from) || 1;
    svg.append(drawn("text", { class: "time", x: 2, y }, `${ms.toFixed(2)} ms`));
    svg.append(drawn("line", { class: `shaft ${mark ?? ""}`, x1: from, x2: to, y1: y, y2: y }));
    svg.append(drawn("path", { d: `M ${to - 7 * way} ${y - 4} L ${to} ${y} L ${to - 7 * way} ${y + 4}`,
      class: `shaft ${mark ?? ""}`, fill: "none" }));
    const label = drawn("text", { x: (from + to) / 2, y: y - 5, "text-anchor": "middle" },
      text.length > 46 ? `${text.slice(0, 45)}…` : text);
    label.append(drawn("title", {}, `${text} (frame ${frame}${mark ? `, ${mark}` : ""})`));
    svg.append(label);
  });
  return svg;
};

const frames = (numbers) => numbers && numbers.length ? ` (frame${numbers.length > 1 ? "s" : ""} ${numbers.join(", ")})` : "";

const told = (trial, places) => {
  const article = made("article");
  article.append(made("h3", trial.title));
  const facts = [`${trial.scenario} · ${trial.world} world, ${trial.clock} clock · steps take ${trial.duration_s} s`];
  if (trial.time_to_connect_ms !== undefined && trial.time_to_connect_ms !== null)
    facts.push(`connects after ${trial.time_to_connect_ms.toFixed(2)} ms`);
  if ((trial.runs ?? 1) > 1) facts.push(`ran ${trial.runs} times`);
  article.append(made("p", facts.join(" · "), "muted"));
  if (trial.reason) article.append(made("p", `${trial.outcome}: ${trial.reason}`, "callout", trial.outcome));
  for (const place of places) {
    const each = (trial.expectations ?? [])[place];
    if (!each) continue;
    const line = made("p");
    line.append(made("span", each.outcome, "badge", each.outcome), ` ${each.text}`);
    if (each.value) line.append(`: ${each.value}`);
    if ((trial.runs ?? 1) > 1 && each.breaches) line.append(` (did not hold in ${each.breaches} of ${trial.runs} runs)`);
    article.append(line);
    // Where a listing was weighed in, the evidence ends with it; it stands in full below.
    const isCited = (proof) => each.listed && proof.text.endsWith(`${each.listed.because} [${each.listed.source}]`);
    for (const proof of (each.evidence ?? []).filter((proof) => !isCited(proof)))
      article.append(made("p", proof.text + frames(proof.frames), "evidence"));
    if (each.listed)
      article.append(made("p", `${each.listed.subject} documents it${each.listed.seldom ? ", seldom" : each.listed.varies ? ", now and then" : ""} (checked for ${each.listed.checked}, ` +
        `judged ${each.listed.version}): ${each.listed.because} [${each.listed.source}]`, "callout"));
  }
  if (trial.hops && trial.hops.length) {
    const figure = made("figure", undefined, "scroll");
    figure.append(ladder(trial));
    article.append(figure);
    if (trial.hops_left_out) article.append(made("p", `${trial.hops_left_out} more messages are in the capture.`, "muted"));
  }
  const last = made("p");
  if (trial.capture) {
    const link = made("a", "capture");
    link.href = trial.capture;
    last.append(link, " · ");
  }
  if (trial.reproduce) last.append("again: ", made("code", trial.reproduce));
  article.append(last);
  return article;
};

const worst = ["broken", "failed", "deviates", "unsupported", "passed", "observed"];
const rank = (trial, places) => Math.min(...places.map((place) => worst.indexOf(trial.expectations[place].outcome)));

const judgements = (data, judgedBy) => {
  const byTrial = new Map();
  for (const [trial, place] of judgedBy) byTrial.set(trial, [...(byTrial.get(trial) ?? []), place]);
  return [...byTrial].sort(([one, ones], [other, others]) => rank(data.trials[one], ones) - rank(data.trials[other], others))
    .map(([number, places]) => told(data.trials[number], places));
};

const show = (heading, texts, articles) => {
  const close = made("button", "close", "close");
  close.type = "button";
  close.addEventListener("click", () => opened.close());
  const head = made("h2", heading);
  head.id = "opened-heading";
  opened.replaceChildren(close, head, ...texts.map((text) => made("p", text)), ...articles);
  opened.showModal();
  opened.scrollTop = 0;
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-cell], [data-clause], [data-trial]");
  if (!button) return;
  const data = await unpacked();
  if (button.dataset.trial !== undefined) {
    const trial = data.trials[Number(button.dataset.trial)];
    const who = data.titles[`dns=${trial.subject}`] ?? trial.subject;
    show(`${who}: ${button.textContent}`, [button.title], [told(trial, (trial.expectations ?? []).map((_, n) => n))]);
    return;
  }
  if (button.dataset.clause !== undefined) {
    const [heading, demand, about, judgedBy] = data.clauses[Number(button.dataset.clause)];
    show(heading, [demand, about], judgements(data, judgedBy));
    return;
  }
  const [rule, seat, subject, outcome, judgedBy] = data.cells[Number(button.dataset.cell)];
  const [text, source, severity] = data.rules[rule];
  show(`${rule} × ${data.titles[`${seat}=${subject}`]}: ${outcome}`, [text, `${severity} · ${source}`],
    judgements(data, judgedBy));
});
opened.addEventListener("click", (event) => { if (event.target === opened) opened.close(); });
