"use strict";
// Films: every panel is one image that holds all its pictures; boxes are drawn over it. The colour, the number and the
// line of a box tell its identity.

const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#d55e00", "#cc79a7", "#0072b2", "#ffffff"]; // Okabe and Ito
const LINES = [[], [6, 3], [2, 3]];

function drawBox(context, [identity, top, left, height, width], inside, zoom, dense) {
  const place = [left, top, width, height].map((x) => x * zoom);
  context.lineJoin = "round";
  context.setLineDash([]);
  context.strokeStyle = "rgba(0, 0, 0, 0.75)";
  context.lineWidth = 4 * dense;
  context.strokeRect(...place);
  context.setLineDash(LINES[Math.floor(identity / COLOURS.length) % LINES.length].map((x) => x * dense));
  context.strokeStyle = COLOURS[identity % COLOURS.length];
  context.lineWidth = 2 * dense;
  context.strokeRect(...place);
  context.setLineDash([]);
  context.font = `bold ${12 * dense}px system-ui, sans-serif`;
  const wide = context.measureText(identity).width;
  const after = place[0] + place[2] + 3 * dense;
  const beside = after + wide > context.canvas.width ? Math.max(0, place[0] - wide - 3 * dense) : after;
  const x = inside ? place[0] + 4 * dense : beside;
  const y = Math.min(Math.max(place[1] + (inside ? 13 : 9) * dense, 11 * dense), context.canvas.height - 2 * dense);
  context.lineWidth = 3 * dense;
  context.strokeStyle = "#000";
  context.strokeText(identity, x, y);
  context.fillStyle = COLOURS[identity % COLOURS.length];
  context.fillText(identity, x, y);
}

function drawPanel(canvas, image, strip, panel, frame) {
  const dense = window.devicePixelRatio || 1;
  const shown = canvas.clientWidth || strip.width;
  canvas.width = Math.max(1, Math.round(shown * dense));
  canvas.height = Math.max(1, Math.round((canvas.width * strip.height) / strip.width));
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = canvas.width < 2 * strip.width;
  const x = (frame % strip.columns) * strip.width;
  const y = Math.floor(frame / strip.columns) * strip.height;
  context.drawImage(image, x, y, strip.width, strip.height, 0, 0, canvas.width, canvas.height);
  const boxes = panel.boxes ? panel.boxes[frame] : [];
  for (const box of boxes) drawBox(context, box, panel.inside, canvas.width / strip.width, dense);
}

function makeFilm(figure, film, strips, images) {
  const [button, slider, said] = ["button", "input", "output"].map((name) => figure.querySelector(name));
  const canvases = [...figure.querySelectorAll("canvas")];
  const titles = [...figure.querySelectorAll(".title")];
  let timer = null;

  function show() {
    const frame = Number(slider.value);
    said.textContent = `${frame + 1} of ${film.frames}`;
    film.panels.forEach((panel, k) => {
      const dream = panel.dream !== null && frame >= panel.dream;
      canvases[k].classList.toggle("dream", dream);
      titles[k].textContent = dream ? `${panel.dreamTitle}, step ${frame - panel.dream + 1}` : panel.title;
      drawPanel(canvases[k], images[panel.strip], strips[panel.strip], panel, frame);
    });
  }

  function play(on) {
    clearInterval(timer);
    timer = on ? setInterval(next, film.milliseconds) : null;
    button.textContent = on ? "Pause" : "Play";
    figure.dataset.playing = on;
  }

  function next() {
    slider.value = (Number(slider.value) + 1) % film.frames;
    show();
  }

  button.addEventListener("click", () => play(timer === null));
  slider.addEventListener("input", () => {
    play(false);
    show();
  });
  new ResizeObserver(show).observe(figure);
  show();
  return play;
}

async function loadImage(source) {
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
}

(async () => {
  const album = JSON.parse(document.getElementById("album").textContent);
  const images = await Promise.all(album.strips.map((strip) => loadImage(strip.source)));
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  for (const figure of document.querySelectorAll(".film")) {
    const play = makeFilm(figure, album.films[figure.dataset.film], album.strips, images);
    play(figure.classList.contains("first") && !still);
  }
  document.body.dataset.ready = "true";
})();
