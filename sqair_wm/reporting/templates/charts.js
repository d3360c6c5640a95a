// Charts: show the values at the pointer, or at the cursor that the arrow keys move.

for (const chart of document.querySelectorAll(".chart")) {
  const svg = chart.querySelector("svg");
  const cursor = svg.querySelector(".cursor");
  const reading = chart.querySelector(".reading");
  const { over, xs, places, lines } = JSON.parse(svg.dataset.readings);
  let at = -1;

  const say = (index) => {
    at = Math.min(Math.max(index, 0), xs.length - 1);
    cursor.setAttribute("x1", places[at]);
    cursor.setAttribute("x2", places[at]);
    const values = lines.filter((line) => line.values[at] !== null);
    const named = values.map((line) => (lines.length > 1 ? `${line.label} ${line.values[at]}` : line.values[at]));
    reading.textContent = `${over} ${xs[at]}: ${named.join(", ")}`;
  };

  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    let nearest = 0;
    places.forEach((place, k) => {
      if (Math.abs(place - x) < Math.abs(places[nearest] - x)) nearest = k;
    });
    say(nearest);
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -xs.length, End: xs.length }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    say(at + step);
  });
}

// Unfold everything before printing, except for the long configuration.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not(.long):not([open])")];
  for (const part of opened) part.open = true;
});
addEventListener("afterprint", () => {
  for (const part of opened) part.open = false;
});
