// Net, computed by the browser: two convolutions, each with ReLU and pooling, and three linear layers.
const Net = (() => {
  const element = document.getElementById("network-data");
  if (!element) return null;
  const data = JSON.parse(element.textContent);
  const bytes = Uint8Array.from(atob(data.weights), (letter) => letter.charCodeAt(0));
  const halves = new DataView(bytes.buffer);
  let place = 0;

  // A 16-bit float has a sign, 5 bits of exponent and 10 of fraction.
  function nextNumber() {
    const bits = halves.getUint16(place, true);
    place += 2;
    const sign = bits >> 15 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
  }
  const take = (count) => Float32Array.from({ length: count }, nextNumber);
  const layer = (outputs, inputs) => ({ outputs, inputs, weights: take(outputs * inputs), biases: take(outputs) });
  const conv1 = layer(6, 3 * 25), conv2 = layer(16, 6 * 25);
  const linears = [layer(120, 400), layer(84, 120), layer(10, 84)];

  // Images are [channel][row][column] in one array. Kernels are 5 pixels wide, without padding.
  function convolveAndRelu({ outputs, weights, biases }, input, channels, size) {
    const width = size - 4, out = new Float32Array(outputs * width * width);
    for (let o = 0; o < outputs; o++) for (let y = 0; y < width; y++) for (let x = 0; x < width; x++) {
      let sum = biases[o];
      for (let c = 0; c < channels; c++) for (let i = 0; i < 5; i++) for (let j = 0; j < 5; j++)
        sum += weights[((o * channels + c) * 5 + i) * 5 + j] * input[(c * size + y + i) * size + x + j];
      out[(o * width + y) * width + x] = Math.max(0, sum);
    }
    return out;
  }
  function pool(input, channels, size) {
    const half = size / 2, out = new Float32Array(channels * half * half);
    for (let c = 0; c < channels; c++) for (let y = 0; y < half; y++) for (let x = 0; x < half; x++) {
      const at = (c * size + 2 * y) * size + 2 * x;
      out[(c * half + y) * half + x] = Math.max(input[at], input[at + 1], input[at + size], input[at + size + 1]);
    }
    return out;
  }
  const multiply = ({ outputs, inputs, weights, biases }, input) =>
    Float32Array.from({ length: outputs }, (_, o) => {
      let sum = biases[o];
      for (let i = 0; i < inputs; i++) sum += weights[o * inputs + i] * input[i];
      return sum;
    });

  // `pixels`: 32 x 32 x RGB, bytes. Returns the ten probabilities and the first layer's 6 maps of 28 x 28.
  function predict(pixels) {
    const input = new Float32Array(3 * 32 * 32);
    for (let p = 0; p < 1024; p++) for (let c = 0; c < 3; c++)
      input[c * 1024 + p] = (pixels[3 * p + c] / 255 - data.mean[c]) / data.std[c];
    const maps = convolveAndRelu(conv1, input, 3, 32);
    let values = pool(convolveAndRelu(conv2, pool(maps, 6, 28), 6, 14), 16, 10);
    linears.forEach((each, number) => {
      values = multiply(each, values);
      if (number < 2) values = values.map((value) => Math.max(0, value));
    });
    const largest = Math.max(...values), powers = Array.from(values, (value) => Math.exp(value - largest));
    const sum = powers.reduce((a, b) => a + b);
    return { probabilities: powers.map((power) => power / sum), maps };
  }
  return { data, predict };
})();

if (Net) {
  const { data } = Net, section = document.getElementById("try");
  const find = (name) => section.querySelector(`[data-part="${name}"]`);
  const picture = find("picture").getContext("2d", { willReadFrequently: true });
  section.hidden = false;

  function show(label) {
    const rgba = picture.getImageData(0, 0, 32, 32).data;
    const { probabilities, maps } = Net.predict(rgba.filter((_, index) => index % 4 < 3));
    const best = probabilities.indexOf(Math.max(...probabilities));
    find("bars").querySelectorAll("li").forEach((line, number) => {
      const percent = 100 * probabilities[number];
      line.querySelector(".bar").style.width = `${percent}%`;
      line.querySelector(".percent").textContent = `${percent.toFixed(1)}%`;
      line.classList.toggle("best", number === best);
    });
    for (const lang of ["en", "zh"]) {
      const names = data.classes[lang], percent = Math.round(100 * probabilities[best]);
      const truth = label === undefined ? "" : lang === "en" ? `; it is: ${names[label]}` : `；实际是：${names[label]}`;
      find("answer").querySelector(`.${lang}`).textContent = `${names[best]}, ${percent}%`.replace(", ", lang === "en" ? ", " : "，") + truth;
    }
    find("maps").querySelectorAll("canvas").forEach((canvas, number) => {
      const map = maps.subarray(number * 784, (number + 1) * 784), top = Math.max(...map, 1e-9);
      const image = new ImageData(28, 28);
      map.forEach((value, at) => image.data.set([255 * value / top, 255 * value / top, 255 * value / top, 255], 4 * at));
      canvas.getContext("2d").putImageData(image, 0, 0);
    });
    find("result").hidden = false;
  }

  // The middle square of an image, halved until it is 32 pixels wide: so every pixel of it counts.
  async function take(file) {
    let image;
    try {
      image = await createImageBitmap(file);
    } catch {
      find("refused").hidden = false;
      return;
    }
    find("refused").hidden = true;
    const square = Math.min(image.width, image.height);
    let [source, x, y, size] = [image, (image.width - square) / 2, (image.height - square) / 2, square];
    while (size > 64) {
      const half = document.createElement("canvas"), next = Math.ceil(size / 2);
      half.width = half.height = next;
      half.getContext("2d").drawImage(source, x, y, size, size, 0, 0, next, next);
      [source, x, y, size] = [half, 0, 0, next];
    }
    picture.fillStyle = "#fff"; // behind what is transparent
    picture.fillRect(0, 0, 32, 32);
    picture.imageSmoothingQuality = "high";
    picture.drawImage(source, x, y, size, size, 0, 0, 32, 32);
    show();
  }
  const firstImage = (items) => [...items].find((item) => item.type.startsWith("image/"));

  find("file").addEventListener("change", (event) => event.target.files[0] && take(event.target.files[0]));
  addEventListener("paste", (event) => {
    const image = firstImage(event.clipboardData.files);
    if (image) take(image);
  });
  section.addEventListener("dragover", (event) => event.preventDefault());
  section.addEventListener("drop", (event) => {
    event.preventDefault();
    const image = firstImage(event.dataTransfer.files);
    if (image) take(image);
  });

  if (data.examples) {
    const all = new Image();
    all.addEventListener("load", () => {
      data.labels.forEach((label, number) => {
        const button = document.createElement("button"), canvas = document.createElement("canvas");
        button.type = "button";
        button.setAttribute("aria-label", `${number + 1}: ${data.classes.en[label]} / ${data.classes.zh[label]}`);
        canvas.width = canvas.height = 32;
        const draw = (to) => to.drawImage(all, 0, 32 * number, 32, 32, 0, 0, 32, 32);
        draw(canvas.getContext("2d"));
        button.append(canvas);
        button.addEventListener("click", () => { draw(picture); show(label); });
        find("examples").append(button);
      });
    });
    all.src = data.examples;
  }
}
