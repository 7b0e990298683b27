/* Where the network looked: the grid covers the whole photograph, whatever its shape. */

// As `src/catdog_api/drawing.py` has it, and why; shares are of the highest evidence.
const DIMMED = 0.38;
const COLOURED_FROM = 0.625;
const OUTLINED_AT = 0.5;
const OUTLINE = [0, 229, 255];
const OUTLINE_WIDTH = 0.007;
const RIM = 0.55;

/** Draw an image, and on it rows of cells, on a canvas that gets its size. */
export function draw(canvas, image, grid) {
  const width = (canvas.width = image.naturalWidth);
  const height = (canvas.height = image.naturalHeight);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const picture = context.getImageData(0, 0, width, height);
  const most = Math.max(...grid.flat(), 1e-6);
  const [down, across] = [spread(grid.length, height), spread(grid[0].length, width)];
  const positive = grid.map((row) => row.map((cell) => Math.max(0, cell) / most));
  const rows = positive.map((cells) => across.map((weights) => sum(cells, weights)));
  const columns = across.map((_, x) => {
    const cells = rows.map((row) => row[x]);
    return down.map((weights) => sum(cells, weights));
  });
  const outline = Math.max(1, OUTLINE_WIDTH * Math.max(width, height));
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const share = columns[x][y];
      const slope = Math.hypot(share - columns[Math.max(x - 1, 0)][y], share - columns[x][Math.max(y - 1, 0)]);
      const beyond = Math.abs(share - OUTLINED_AT) / Math.max(slope, 1e-4) - 0.5; // pixels from its middle
      const line = within(outline / 2 - beyond);
      const light = (1 - line) * (1 - RIM * within(outline - beyond));
      paint(picture.data, at, share, light, line);
    }
  }
  context.putImageData(picture, 0, 0);
}

function paint(data, at, share, light, line) {
  const part = within(share / COLOURED_FROM);
  const colour = part * part * (3 - 2 * part); // smoothstep
  const grey = DIMMED * (0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]);
  OUTLINE.forEach((level, i) => {
    data[at + i] = light * (colour * data[at + i] + (1 - colour) * grey) + line * level;
  });
}

/** For each pixel the weight of each cell: cubic convolution (Keys 1981), as in Pillow. */
function spread(cells, pixels) {
  return Array.from({ length: pixels }, (_, pixel) => {
    const at = ((pixel + 0.5) / pixels) * cells - 0.5;
    const weights = Array.from({ length: cells }, (_, cell) => cubic(Math.abs(cell - at)));
    const whole = weights.reduce((total, weight) => total + weight);
    return weights.map((weight) => weight / whole);
  });
}

function sum(cells, weights) {
  return cells.reduce((total, cell, i) => total + cell * weights[i], 0);
}

function cubic(distance) {
  if (distance < 1) return (1.5 * distance - 2.5) * distance ** 2 + 1;
  return distance < 2 ? ((2.5 - 0.5 * distance) * distance - 4) * distance + 2 : 0;
}

function within(value) {
  return Math.min(Math.max(value, 0), 1);
}
