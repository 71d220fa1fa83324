// What the scripts of both pages begin with: the dispatcher's and the AppMaster's.
"use strict";
const EVENTS_SHOWN = 200;
const $ = id => document.getElementById(id);

// Everything from outside becomes text, never markup.
const set = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const show = (node, is) => { if (node.hidden === is) node.hidden = !is; };
const paint = (node, kind, text) => { if (node.className !== "state " + kind) node.className = "state " + kind; set(node, text); };
const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
function cell(row, name, text, kind) {
  const td = row.appendChild(document.createElement("td"));
  if (name) td.dataset.name = name;
  if (kind) td.className = kind;
  td.textContent = text;
  return td;
}
const plural = (n, one) => n + " " + one + (n === 1 ? "" : "s");
function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000)), m = Math.floor(s / 60), h = Math.floor(m / 60), d = Math.floor(h / 24);
  return d ? d + " d " + h % 24 + " h" : h ? h + " h " + m % 60 + " min" : m ? m + " min" : s + " s";
}
// Of another day than today its date, for pages that stay open.
function clock(ms) {
  const at = new Date(ms), two = { hour: "2-digit", minute: "2-digit", hour12: false };
  return at.toDateString() === new Date().toDateString() ? at.toLocaleTimeString([], { ...two, second: "2-digit" })
    : at.toLocaleDateString([], { month: "short", day: "numeric" }) + " " + at.toLocaleTimeString([], two);
}
function eventItem(event) {
  const item = document.createElement("li"), at = new Date(event.at), isOdd = event.level === "warn";
  item.append(
    make("time", { className: "quiet", dateTime: at.toISOString(), title: at.toLocaleString(), textContent: clock(event.at) }),
    make("span", { className: isOdd ? "odd" : "", textContent: (isOdd ? "! " : "") + event.text }));
  return item;
}
