// The panel of one model: its connection, pictures and history.

import { letDrag } from "/static/drag.js";
import { blobOf, decode, paint, paintPaths } from "/static/draw.js";
import { futureCard, rowOf } from "/static/parts.js";

const STEPS = 15; // length of imagined futures

export class Panel {
  /** Connect to model `number`. Shows errors by `app.say`, and pauses the page by `app.pause`. */
  constructor(number, app) {
    this.app = app;
    this.answers = [];
    this.state = null; // the last one received
    this.drawn = null; // the one on the canvases
    this.drawing = null;
    this.hello = null;
    this.shown = null;
    this.closing = false;
    this.wanted = null;
    this.node = document.getElementById("panel").content.cloneNode(true).firstElementChild;
    this.socket = new WebSocket(`ws://${location.host}/play/${number}`);
    this.ready = new Promise((resolve, reject) => {
      this.answers.push(resolve);
      this.socket.onclose = (event) => {
        this.socket = null;
        const what = event.reason || "check that the server runs, then reload the page";
        if (!this.closing) this.app.say(`the connection to the server is closed: ${what}`);
        reject(new Error("closed"));
        for (const answer of this.answers.splice(0)) answer(null);
      };
    }).then((hello) => this.introduce(hello));
    this.socket.onmessage = (event) => this.answers.shift()(JSON.parse(event.data));
    this.find();
  }

  find() {
    const get = (name) => this.node.querySelector(name);
    this.parts = {
      title: get("h2"), real: get(".real"), model: get(".model"), other: get(".other"), numbers: get(".numbers"),
      frame: get(".frame"), number: get(".number"), branch: get(".branch"), player: get(".player"),
      futures: get(".futures"), rows: get("tbody"),
    };
    const { frame, branch, player, real, model } = this.parts;
    frame.addEventListener("input", () => this.seek(Number(frame.value)));
    for (const control of [frame, branch, player]) control.addEventListener("change", () => control.blur());
    branch.addEventListener("change", () => this.app.pause() || this.do("select", { branch: Number(branch.value) }));
    player.addEventListener("change", () => this.do("play", { name: player.value }));
    for (const canvas of [real, model]) letDrag(canvas, this);
  }

  introduce(hello) {
    if (hello === null) return;
    this.hello = hello;
    this.parts.title.textContent = hello.game && hello.game !== hello.name ? `${hello.name} (${hello.game})` : hello.name;
    if (hello.game === null) this.node.querySelector("figcaption").textContent = "What happens";
    for (const name of hello.players) this.parts.player.append(new Option(name, name));
    return this.do("look");
  }

  /** Ask the server; resolves to its answer, or to null if the connection is closed. */
  ask(question) {
    if (this.socket === null) return Promise.resolve(null);
    this.socket.send(JSON.stringify(question));
    return new Promise((resolve) => this.answers.push(resolve));
  }

  /** Ask for a change of the state, and show the new state. */
  async do(what, more = {}) {
    const answer = await this.ask({ do: what, ...more });
    if (answer?.type === "error") this.app.say(answer.message);
    if (answer?.type === "state") await this.show(answer);
    return answer;
  }

  /** Play one frame with the pressed keys; it is drawn while the next one is requested. */
  async act(pressed) {
    const { actions, keys } = this.hello;
    const chosen = pressed.digit !== null && pressed.digit < actions.length ? pressed.digit : keys[pressed.keys];
    const [answer] = await Promise.all([this.ask({ do: "act", action: chosen }), this.drawing]);
    if (answer?.type === "error") this.app.say(answer.message);
    if (answer?.type === "state") this.show(answer);
  }

  /** The frame that is shown or requested. */
  get frame() {
    return this.wanted ?? this.state.frame;
  }

  /** Go to a frame; of the requests made meanwhile, only the last is kept. */
  async seek(frame) {
    this.app.pause();
    const busy = this.wanted !== null;
    this.wanted = Math.min(Math.max(frame, this.state.first), this.state.last);
    if (busy) return;
    for (let last = null; this.wanted !== last; ) {
      last = this.wanted;
      await this.do("seek", { frame: last });
    }
    this.wanted = null;
  }

  /** Close the connection and remove the panel. */
  close() {
    this.closing = true;
    this.node.remove();
    this.socket?.close();
  }

  async futures() {
    const answer = await this.ask({ do: "futures", steps: STEPS });
    if (answer?.type === "error") this.app.say(answer.message);
    if (answer?.type === "futures") this.showFutures(answer.futures);
  }

  /** Save frames of this branch as a file. */
  async save(kind, first) {
    const from = Math.max(first ?? this.state.frame - 10 * this.hello.fps, this.state.first);
    const answer = await this.ask({ do: "save", kind, first: Math.round(from), last: this.state.frame });
    if (answer?.type === "error") this.app.say(answer.message);
    if (answer?.type !== "file") return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blobOf(answer.url));
    link.download = answer.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    this.app.say(`saved ${answer.name}`);
  }

  /** Show a state; while one is being drawn, only the newest of the others is kept. */
  show(state) {
    this.state = state;
    this.drawing ??= this.draw();
    return this.drawing;
  }

  async draw() {
    try {
      for (let last = null; last !== this.state; ) {
        last = this.state;
        const [real, model] = await Promise.all([decode(last.real.picture), decode(last.dream?.picture ?? last.seen)]);
        this.drawn = last;
        this.images = { real, model };
        this.redraw();
        this.showNumbers();
        this.showPast();
        this.showRows();
      }
    } finally {
      this.drawing = null;
    }
  }

  get side() {
    return this.drawn.dream ?? this.drawn.real;
  }

  redraw() {
    const { real, model } = this.parts;
    paint(real, this.images.real, this.drawn.real.objects, this.hello.size);
    paint(model, this.images.model, this.side.objects, this.hello.size);
    if (this.shown !== null) paintPaths(model, this.shown, this.hello.size);
  }

  showNumbers() {
    const { real, dream, action, dream_from: from, frame } = this.drawn;
    this.node.classList.toggle("dreaming", dream !== null);
    this.parts.other.textContent = dream ? `Inside the model, for ${frame - from} frames` : "What the model sees";
    const known = this.hello.game !== null;
    const said = [action === null ? "start" : this.hello.actions[action]];
    if (known) said.push(`real: score ${real.score}${real.over ? ", over" : ""}`);
    if (dream && known) {
      said.push(`dream: score ${dream.score}, reward ${dream.reward}, end ${(100 * dream.ends).toFixed(1)} %`);
      said.push(`uncertainty ${dream.uncertainty}`);
    }
    if (dream?.over) said.push("the model has predicted the end of the game");
    if (dream && this.drawn.apart !== null) said.push(`dream and game ${this.drawn.apart} pixels apart`);
    this.parts.numbers.textContent = said.join(" · ");
  }

  showPast() {
    const { frame, number, branch, player } = this.parts;
    [frame.min, frame.max, frame.value] = [this.drawn.first, this.drawn.last, this.drawn.frame];
    number.textContent = `${this.drawn.frame} of ${this.drawn.last}`;
    const names = this.drawn.branches.map((b) => [b.number, b.parted === null ? `${b.number}` : `${b.number}, from frame ${b.parted}`]);
    if (branch.options.length !== names.length || branch.options[0]?.value !== String(names[0][0])) {
      branch.replaceChildren(...names.map(([value, name]) => new Option(name, value)));
    }
    branch.value = this.drawn.branch;
    player.value = this.drawn.playing;
  }

  showRows() {
    const dreamt = new Map((this.drawn.dream?.objects ?? []).map((object) => [object.identity, object]));
    const rows = this.drawn.real.objects.map((object) => [object, dreamt.get(object.identity)]);
    const real = new Set(this.drawn.real.objects.map((object) => object.identity));
    for (const object of dreamt.values()) if (!real.has(object.identity)) rows.push([null, object]);
    this.parts.rows.replaceChildren(...rows.map(([object, dream]) => rowOf(object, dream)));
  }

  showFutures(futures) {
    const cards = futures.map((future) => futureCard(future, STEPS, (paths) => this.highlight(paths), () => {
      this.app.pause();
      this.do("act", { action: future.action });
    }));
    this.parts.futures.replaceChildren(...cards);
  }

  highlight(paths) {
    this.shown = paths;
    this.redraw();
  }

  hideFutures(hidden) {
    this.parts.futures.hidden = hidden;
    if (hidden) this.shown = null;
  }
}
