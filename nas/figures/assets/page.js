// Draws the figures in the look of the reader's system, and follows it.
const data = JSON.parse(document.getElementById("data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const narrow = matchMedia("(max-width: 560px)");

// A patch is a list of [path, value] that turns a figure into the one of another look.
const patched = (figure, patches) => {
  const copy = structuredClone(figure);
  for (const [path, value] of patches) {
    const parent = path.slice(0, -1).reduce((node, key) => node[key], copy);
    parent[path.at(-1)] = value;
  }
  return copy;
};

const draw = () => {
  for (const [id, { figure, narrow: phone, dark: nights }] of Object.entries(data.figures)) {
    const light = patched(figure, narrow.matches ? phone : []);
    const look = patched(light, dark.matches ? nights[Number(narrow.matches)] : []);
    Plotly.react(id, look.data, look.layout, data.config);
  }
};

// plotly.js is in the page as gzip in base64.
const load = async () => {
  const packed = atob(document.getElementById("plotly").textContent);
  const bytes = new Blob([Uint8Array.from(packed, (letter) => letter.charCodeAt(0))]);
  const unpacked = bytes.stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(unpacked).text();
  document.head.append(script);
};

const start = () => {
  draw();
  dark.addEventListener("change", draw);
  narrow.addEventListener("change", draw);
  // A printed page is light; the colours on the screen come back afterwards.
  addEventListener("beforeprint", () => {
    for (const [id, { figure }] of Object.entries(data.figures)) {
      Plotly.react(id, figure.data, figure.layout, data.config);
    }
  });
  addEventListener("afterprint", draw);
};

const explain = () => {
  for (const id of Object.keys(data.figures)) {
    document.getElementById(id).textContent =
      "This browser cannot unpack the figures. Open the page in Chrome or Edge 80, Firefox 113, " +
      "Safari 16.4, or a newer version.";
  }
};

const loaded = load();
loaded.catch(explain);
const drawn = loaded.then(start);
