// Pieces of a panel: rows of the table of objects, and cards of imagined futures.

import { colourOf } from "/static/draw.js";

const element = (kind, text) => Object.assign(document.createElement(kind), { textContent: text });
const pair = (values) => (values === undefined ? "" : values.map((x) => x.toFixed(1)).join(", "));

/** A row of the table: an object as the model sees it, and in the dream. */
export function rowOf(object, dream) {
  const row = document.createElement("tr");
  const { identity, row: place } = object ?? dream;
  const texts = [identity, place, pair(object?.place), pair((object ?? dream).size), pair((object ?? dream).velocity), pair(dream?.place)];
  row.append(...texts.map((text) => element("td", text)));
  row.firstElementChild.style.setProperty("--colour", colourOf(identity));
  return row;
}

/** A button that shows the future of an action; calls `onLook` with the paths to draw, or with null. */
export function futureCard(future, steps, onLook, onClick) {
  const card = document.createElement("button");
  const image = new Image();
  [image.src, image.alt] = [future.picture, `after ${steps} frames of ${future.name}`];
  const said = [future.name];
  if (future.reward !== undefined) {
    said.push(`reward ${future.reward.toFixed(2)}`, `end ${(100 * future.ends).toFixed(0)} %`);
    said.push(`uncertainty ${future.uncertainty.toFixed(2)}`);
  }
  card.append(image, ...said.map((text) => element("span", text)));
  for (const name of ["pointerenter", "focus"]) card.addEventListener(name, () => onLook(future.paths));
  for (const name of ["pointerleave", "blur"]) card.addEventListener(name, () => onLook(null));
  card.addEventListener("click", () => {
    card.blur();
    onClick();
  });
  return card;
}
