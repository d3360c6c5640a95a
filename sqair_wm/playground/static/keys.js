// The keys that are pressed, on the keyboard or the touch controls.

const ORDER = ["UP", "DOWN", "LEFT", "RIGHT", "FIRE"]; // as in keys.py
const CODES = { ArrowUp: "UP", ArrowDown: "DOWN", ArrowLeft: "LEFT", ArrowRight: "RIGHT", Space: "FIRE" };

const pressed = new Set();
const tapped = new Set(); // pressed since the last frame, even if released again
let digit = null;

/** Whether a key event is for a control of the page, which handles its own keys. */
const inControl = (target) => target instanceof Element && target.closest("input, select, button, summary") !== null;

function press(key) {
  pressed.add(key);
  tapped.add(key);
}

/** Listen to keys; `onCommand(key)` is called when any other key is pressed. */
export function listen(pad, onCommand) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") document.activeElement?.blur();
    if (inControl(event.target)) return;
    if (event.code in CODES) {
      press(CODES[event.code]);
      event.preventDefault();
    } else if (/^[0-9]$/.test(event.key)) {
      digit = Number(event.key);
    } else if (!event.repeat || ",.[]".includes(event.key)) {
      if (onCommand(event.key.toLowerCase())) event.preventDefault();
    }
  });
  addEventListener("keyup", (event) => {
    if (event.code in CODES) pressed.delete(CODES[event.code]);
    if (event.key === String(digit)) digit = null;
  });
  addEventListener("blur", () => {
    pressed.clear();
    digit = null;
  });
  for (const button of pad.querySelectorAll("[data-key]")) {
    button.addEventListener("pointerdown", (event) => {
      press(button.dataset.key);
      event.preventDefault();
    });
    for (const end of ["pointerup", "pointerleave", "pointercancel"]) {
      button.addEventListener(end, () => pressed.delete(button.dataset.key));
    }
  }
}

/** The keys of this frame, as `key_actions` names them, and the digit that is held, or null. */
export function take() {
  const all = new Set([...pressed, ...tapped]);
  tapped.clear();
  return { keys: ORDER.filter((key) => all.has(key)).join("+"), digit };
}
