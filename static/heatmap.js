/*
 * Where the network looked: what spoke for the answer, drawn over the photograph. The network sees it squashed to a
 * square, so the grid covers the whole of it, whatever its shape.
 */

const DRAWN_PIXELS = 192; // of the longer side; the browser stretches what is this smooth
const SHADE = [26, 18, 14]; // over what did not speak for the answer
const GLOW = [255, 168, 38]; // over what did

/** Draw rows of cells on a canvas that gets the photograph's proportions, and so lies on it. */
export function draw(canvas, grid, width, height) {
  const scale = DRAWN_PIXELS / Math.max(width, height);
  canvas.width = Math.max(1, Math.round(scale * width));
  canvas.height = Math.max(1, Math.round(scale * height));
  const most = Math.max(...grid.flat());
  const context = canvas.getContext("2d");
  const picture = context.createImageData(canvas.width, canvas.height);
  for (let y = 0, at = 0; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++, at += 4) {
      const value = between(grid, (x + 0.5) / canvas.width, (y + 0.5) / canvas.height);
      picture.data.set(colour(most > 0 ? Math.max(0, value) / most : 0), at);
    }
  }
  context.putImageData(picture, 0, 0);
}

/** The shade lifts where the evidence begins; the glow sets in where it is strong. */
function colour(share) {
  const shade = 0.62 * (1 - smooth(1.5 * share));
  const glow = 0.46 * smooth(share);
  const alpha = shade + glow;
  return [...SHADE.map((dark, i) => (dark * shade + GLOW[i] * glow) / alpha), 255 * alpha];
}

/** The grid's value at a place from 0 to 1 of the photograph, between the middles of its cells. */
function between(grid, across, down) {
  const [top, bottom, vertical] = neighbours(down, grid.length);
  const [left, right, horizontal] = neighbours(across, grid[0].length);
  const mix = (row) => grid[row][left] * (1 - horizontal) + grid[row][right] * horizontal;
  return mix(top) * (1 - vertical) + mix(bottom) * vertical;
}

function neighbours(place, count) {
  const at = Math.min(Math.max(place * count - 0.5, 0), count - 1);
  const first = Math.floor(at);
  return [first, Math.min(first + 1, count - 1), smooth(at - first)];
}

/** Smoothstep: level at both ends, so that no cell shows an edge. */
function smooth(value) {
  const share = Math.min(Math.max(value, 0), 1);
  return share * share * (3 - 2 * share);
}
