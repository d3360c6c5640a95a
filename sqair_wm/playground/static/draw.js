// Pictures and boxes. The colour, the number and the line of a box tell its identity.

const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#d55e00", "#cc79a7", "#0072b2", "#ffffff"]; // Okabe and Ito
const LINES = [[], [8, 4], [2, 4]];

export const colourOf = (identity) => COLOURS[identity % COLOURS.length];
const lineOf = (identity) => LINES[Math.floor(identity / COLOURS.length) % LINES.length];

/** The file that a data URL holds. */
export function blobOf(url) {
  const [head, data] = url.split(",");
  return new Blob([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))], { type: head.slice(5).split(";")[0] });
}

/** The picture that a data URL holds, ready to be drawn. */
export const decode = (url) => createImageBitmap(blobOf(url));

/** Draw a picture over the whole canvas, then the boxes of objects; `size` is (height, width) of the picture. */
export function paint(canvas, image, objects, size) {
  const context = canvas.getContext("2d");
  const zoom = canvas.width / size[1];
  canvas.height = Math.round(size[0] * zoom);
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  context.font = "bold 15px system-ui, sans-serif";
  context.lineJoin = "round";
  for (const object of objects) drawBox(context, object, zoom);
}

function drawBox(context, object, zoom) {
  const [top, left, height, width] = object.box.map((x) => x * zoom);
  if (height <= 0 || width <= 0) return;
  context.setLineDash([]);
  context.strokeStyle = "rgba(0, 0, 0, 0.75)";
  context.lineWidth = 5;
  context.strokeRect(left, top, width, height);
  context.setLineDash(lineOf(object.identity));
  context.strokeStyle = colourOf(object.identity);
  context.lineWidth = 2.5;
  context.strokeRect(left, top, width, height);
  context.setLineDash([]);
  const x = Math.min(left + width + 4, context.canvas.width - 18);
  const y = Math.max(top, 14);
  context.lineWidth = 4;
  context.strokeStyle = "#000";
  context.strokeText(object.identity, x, y);
  context.fillStyle = colourOf(object.identity);
  context.fillText(object.identity, x, y);
}

/** Draw imagined paths of objects: `paths` holds positions (y, x) in pixels of the picture, by identity. */
export function paintPaths(canvas, paths, size) {
  const context = canvas.getContext("2d");
  const zoom = canvas.width / size[1];
  context.setLineDash([]);
  for (const [identity, places] of Object.entries(paths)) {
    context.strokeStyle = colourOf(Number(identity));
    context.fillStyle = context.strokeStyle;
    context.lineWidth = 1.5;
    context.beginPath();
    for (const [y, x] of places) context.lineTo((x + 0.5) * zoom, (y + 0.5) * zoom);
    context.stroke();
    const last = places.at(-1);
    context.beginPath();
    context.arc((last[1] + 0.5) * zoom, (last[0] + 0.5) * zoom, 4, 0, 2 * Math.PI);
    context.fill();
  }
}

/** The object whose box is nearest to a point (y, x) in pixels of the picture, or null if none is near. */
export function nearest(objects, y, x, reach = 4) {
  let found = null;
  let least = reach;
  for (const object of objects) {
    const [top, left, height, width] = object.box;
    const away = Math.hypot(Math.max(top - y, 0, y - top - height), Math.max(left - x, 0, x - left - width));
    if (away < least) [found, least] = [object, away];
  }
  return found;
}
