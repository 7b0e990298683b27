/* Photographs as pixels. One is decoded at a time, and let go at once: 50 megapixels are 200 MB. */

const LARGE_BYTES = 2 * 1024 ** 2;
const SENT_PIXELS = 1600 * 1200;
const SHOWN_SIDE = 640; // the longer one; a card on a dense screen

let turn = Promise.resolve();

/** To thumbnail, width, height and, if that saves time, a smaller photograph; null where no decoder here knows it. */
export function look(file) {
  return inTurn(file, async (image, width, height) => {
    const isLarge = file.size > LARGE_BYTES || width * height > SENT_PIXELS;
    const smaller = isLarge ? await halved(image, width, height) : null;
    const thumbnail = await jpeg(image, width, height, SHOWN_SIDE, 0.85);
    return { thumbnail, width, height, smaller: smaller?.size < file.size ? smaller : null };
  });
}

export function asJpeg(file) {
  return inTurn(file, halved);
}

export function frame(video, most) {
  return jpeg(video, video.videoWidth, video.videoHeight, most, 0.9);
}

function inTurn(file, use) {
  turn = turn.then(() => decoded(file, use)).catch(() => null);
  return turn;
}

async function decoded(file, use) {
  const image = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  if (!image) return drawn(file, use);
  try {
    return await use(image, image.width, image.height);
  } finally {
    image.close();
  }
}

/** Some formats (SVG; HEIC on older Apple systems) are decoded by an image element alone. */
async function drawn(file, use) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
    return await use(image, image.naturalWidth || SHOWN_SIDE, image.naturalHeight || SHOWN_SIDE);
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/** By halves, as the service itself scales a JPEG: so the answer stays. */
function halved(image, width, height) {
  let most = Math.max(width, height);
  for (let pixels = width * height; pixels > SENT_PIXELS; pixels /= 4) most /= 2;
  return jpeg(image, width, height, most, 0.95);
}

async function jpeg(image, width, height, most, quality) {
  const scale = Math.min(1, most / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(scale * width));
  canvas.height = Math.max(1, Math.round(scale * height));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff"; // transparency is laid on white, as by the service
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
  canvas.width = canvas.height = 0; // Safari keeps a canvas's memory until it is collected
  return blob;
}
