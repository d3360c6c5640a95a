// Drag objects on a canvas to another place.

import { nearest, paint } from "/static/draw.js";

/** Make the objects on a canvas of a panel draggable; dropping one begins a dream with it there. */
export function letDrag(canvas, panel) {
  const isReal = canvas === panel.parts.real;
  let held = null;

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const inside = [event.clientY - box.top - canvas.clientTop, event.clientX - box.left - canvas.clientLeft];
    const [height, width] = panel.hello.size;
    return [(inside[0] / canvas.clientHeight) * height, (inside[1] / canvas.clientWidth) * width];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (panel.drawn === null) return;
    held = nearest((isReal ? panel.drawn.real : panel.side).objects, ...place(event));
    if (held === null) return;
    panel.app.pause();
    canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
  });

  canvas.addEventListener("pointermove", (event) => {
    if (held === null) return;
    const [y, x] = place(event);
    const [, , height, width] = held.box;
    const moved = { ...held, box: [y - height / 2, x - width / 2, height, width] };
    paint(canvas, isReal ? panel.images.real : panel.images.model, [moved], panel.hello.size);
  });

  canvas.addEventListener("pointerup", (event) => {
    if (held === null) return;
    const [y, x] = place(event).map((value, axis) => Math.min(Math.max(value, 0), panel.hello.size[axis]));
    panel.do("move", { identity: held.identity, y, x });
    held = null;
  });

  canvas.addEventListener("pointercancel", () => {
    held = null;
    panel.redraw();
  });
}
