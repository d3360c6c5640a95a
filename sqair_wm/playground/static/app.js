// The page: the models that are shown, one clock for all of them, and the commands of keys and buttons.

import { listen, take } from "/static/keys.js";
import { Panel } from "/static/panel.js";

const byId = (id) => document.getElementById(id);
const buttons = Object.fromEntries([...document.querySelectorAll("[data-do]")].map((b) => [b.dataset.do, b]));
const panels = new Map();
const FUTURES_EVERY = 700; // milliseconds, while playing
let playing = false;
let futures = false;
let drawn = false;
let mark = null; // while a film is recorded: its first frame, by panel
let wake = () => {};
let rate = 0;

const app = {
  say(text) {
    byId("says").textContent = text;
  },
  /** Pause. Returns undefined, so that `pause() || other()` does both. */
  pause() {
    setPlaying(false);
  },
};

function setPlaying(value) {
  playing = value;
  press("pause", playing);
  buttons.pause.textContent = playing ? "Pause" : "Play";
  if (playing) wake();
  else showFutures();
}

const press = (name, value) => buttons[name].setAttribute("aria-pressed", String(value));
const all = (work) => Promise.all([...panels.values()].filter((panel) => panel.state !== null).map(work));

/** End all dreams, if there are any; else begin one in every panel. */
async function dream() {
  const dreaming = [...panels.values()].some((panel) => panel.state?.dream);
  await all((panel) => (Boolean(panel.state.dream) === dreaming ? panel.do("dream") : null));
}

async function showFutures() {
  if (!futures) return;
  await all((panel) => panel.futures());
}

async function nextPlayer() {
  await all((panel) => {
    const names = panel.hello.players;
    return panel.do("play", { name: names[(names.indexOf(panel.state.playing) + 1) % names.length] });
  });
}

function setSpeed(value) {
  byId("speed").value = value;
  byId("fps").textContent = byId("speed").value;
}

function record() {
  mark = mark === null ? new Map([...panels.values()].map((panel) => [panel, panel.state?.frame])) : null;
  press("record", mark !== null);
  app.say(mark === null ? "" : "recording: G saves a GIF, M an MP4, R stops without saving");
}

async function save(kind) {
  await all((panel) => panel.save(kind, mark?.get(panel)));
  mark = null;
  press("record", false);
}

const commands = {
  pause: () => setPlaying(!playing),
  dream,
  back: () => all((panel) => panel.seek(panel.frame - 1)),
  step: () => app.pause() || forward(),
  branch: () => all((panel) => panel.do("branch")),
  new: () => all((panel) => panel.do("new")),
  futures: () => {
    futures = !futures;
    press("futures", futures);
    for (const panel of panels.values()) panel.hideFutures(!futures);
  },
  drawn: () => {
    drawn = !drawn;
    press("drawn", drawn);
    return all((panel) => panel.do("draw", { drawn }));
  },
  record,
  gif: () => save("gif"),
  mp4: () => save("mp4"),
  player: nextPlayer,
  slower: () => setSpeed(Number(byId("speed").value) - 3),
  faster: () => setSpeed(Number(byId("speed").value) + 3),
  help: () => byId("help").toggleAttribute("open"),
};
const KEYS = {
  p: "pause", enter: "dream", ",": "back", ".": "step", b: "branch", n: "new", f: "futures", x: "drawn", r: "record",
  g: "gif", m: "mp4", a: "player", "[": "slower", "]": "faster", h: "help",
};

/** Run the command of a key or a button, and update the futures. */
async function run(name) {
  app.say("");
  await commands[name]();
  const [panel] = panels.values();
  press("dream", Boolean(panel?.state?.dream));
  if (!playing) await showFutures();
}

/** Go one frame forward: replay the past if no key is pressed, else play with the pressed keys. */
async function forward() {
  const pressed = take();
  const nothing = pressed.keys === "" && pressed.digit === null;
  await all((panel) => (nothing && panel.frame < panel.state.last ? panel.seek(panel.frame + 1) : panel.act(pressed)));
}

async function clock() {
  let told = 0;
  for (;;) {
    if (!playing || panels.size === 0) await new Promise((resolve) => (wake = resolve));
    const start = performance.now();
    try {
      const pressed = take();
      await all((panel) => panel.act(pressed));
      if (futures && start - told > FUTURES_EVERY) {
        await showFutures();
        told = start;
      }
    } catch (error) {
      setPlaying(false);
      app.say(`stopped by an error: ${error.message}`);
    }
    const rest = 1000 / Number(byId("speed").value) - (performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, rest)));
    rate = 0.9 * rate + 100 / (performance.now() - start);
    byId("rate").textContent = `${rate.toFixed(0)} frames/s`;
  }
}

async function open(number) {
  const panel = new Panel(number, app);
  panels.set(number, panel);
  byId("panels").append(panel.node);
  try {
    await panel.ready;
    setSpeed(Math.round(panel.hello.fps));
    panel.hideFutures(!futures);
  } catch {
    close(number);
  }
}

function close(number) {
  const panel = panels.get(number);
  panels.delete(number);
  panel?.close();
}

async function start() {
  const names = await (await fetch("/models")).json();
  byId("models").hidden = names.length < 2;
  names.forEach((name, number) => {
    const [label, box] = [document.createElement("label"), document.createElement("input")];
    [box.type, box.checked] = ["checkbox", number < 2];
    box.addEventListener("change", () => (box.checked ? open(number) : close(number)));
    label.append(box, ` ${name}`);
    byId("models").append(label);
    if (box.checked) open(number);
  });
  listen(byId("pad"), (key) => {
    if (!(key in KEYS)) return false;
    run(KEYS[key]);
    return true;
  });
  for (const [name, button] of Object.entries(buttons)) {
    button.addEventListener("click", (event) => {
      if (event.detail > 0) button.blur(); // after a click, keys go to the game again
      run(name);
    });
  }
  byId("speed").addEventListener("input", () => setSpeed(byId("speed").value));
  byId("speed").addEventListener("change", () => byId("speed").blur());
  document.addEventListener("visibilitychange", () => document.hidden && app.pause());
  clock();
}

start().catch((error) => app.say(`the page could not start: ${error.message}`));
