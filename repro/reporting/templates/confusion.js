// A cell of a confusion matrix that is clicked, or reached by keyboard, shows test images behind it.
{
  const element = document.getElementById("confusion-data"), figure = document.getElementById("figure-confusion");
  if (element && figure) {
    const data = JSON.parse(element.textContent), picture = new Image(), panel = document.createElement("div");
    picture.src = data.picture;
    panel.className = "behind";
    const hint = document.createElement("p");
    hint.className = "note";
    hint.append(...inBoth("Click a cell to see test images of it.", "点击一格，可查看属于它的测试图像。"));
    panel.append(hint);
    figure.querySelector("figcaption").before(panel);

    const tile = (place, number, said, chinese) => {
      const item = document.createElement("li"), canvas = document.createElement("canvas");
      canvas.width = canvas.height = 32;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", chinese ? `第 ${number} 张测试图像` : `test image ${number}`);
      picture.decode().then(() => canvas.getContext("2d").drawImage(picture, 0, 32 * place, 32, 32, 0, 0, 32, 32));
      item.append(canvas, said);
      return item;
    };

    figure.addEventListener("cell", ({ detail: { cell: [model, actual, predicted], label, text, chinese } }) => {
      const at = data.models.indexOf(model), runs = data.runs[at];
      const found = data.images.map(([number, truth, votes], place) => {
        const pairs = votes[at], pair = pairs.findIndex((each, index) => index % 2 === 0 && each === predicted);
        return { number, place, count: truth === actual && pair >= 0 ? pairs[pair + 1] : 0 };
      }).filter(({ count }) => count).sort((a, b) => b.count - a.count || a.number - b.number);
      const heading = document.createElement("p"), list = document.createElement("ul");
      const name = document.createElement("strong"), note = document.createElement("span");
      name.textContent = label;
      note.className = "note";
      note.textContent = found.length
        ? chinese ? "本页中属于这一格的测试图像，以及这样判断的种子数：" : "Test images of this cell that are in the page, and how many seeds say so:"
        : chinese ? "本页没有这一格的测试图像。" : "The page has no test image of this cell.";
      heading.append(name, ` ${text} `, note);
      list.append(...found.map(({ number, place, count }) => tile(place, number, `${count} / ${runs}`, chinese)));
      panel.className = `behind ${chinese ? "zh" : "en"}`;
      panel.lang = chinese ? "zh-Hans" : "en";
      panel.replaceChildren(heading, list);
    });
  }
}
