"use strict";
// Looks up the combination of the menus in the data of the page, where the result of each stands in words.
(() => {
  const data = JSON.parse(document.getElementById("turn_the_assumptions-data").textContent);
  const page = document.getElementById("dials");
  if (!page) return;
  const thousands = (n) => n.toLocaleString("en");
  const menu = (dial) => document.getElementById(`dial-${dial.name}`);
  const chosen = () => Object.fromEntries(data.dials.map((dial) => [dial.name, menu(dial).value]));
  const resultOf = (values) => {
    const place = data.dials.reduce((sum, dial) => sum * dial.values.length + dial.values.indexOf(values[dial.name]), 0);
    return data.results[data.of[place]];
  };
  const words = (dial, value) =>
    [...menu(dial).options].find((option) => option.value === value).text.replace(/ \(default\)$/, "");
  const label = (dial) => page.querySelector(`label[for="dial-${dial.name}"]`).textContent;

  function show({ remember = true } = {}) {
    const values = chosen();
    const result = resultOf(values);
    const turned = data.dials.filter((dial) => values[dial.name] !== data.as_set[dial.name]);
    page.querySelectorAll("[data-result]").forEach((place) => { place.textContent = result[place.dataset.result]; });
    result.verdicts.forEach((verdict, i) => {
      page.querySelector(`[data-verdict="${i}"]`).textContent = verdict;
      page.querySelector(`[data-same="${i}"]`).textContent = thousands(data.verdicts[i][verdict]);
    });
    document.getElementById("answer-same").textContent = thousands(data.answers[result.answer]);
    document.getElementById("dials-state").textContent = turned.length
      ? `${turned.length} of ${data.dials.length} assumptions ${turned.length === 1 ? "is" : "are"} turned from those of this book.`
      : "These are the assumptions of this book.";
    const moving = data.dials.map((dial) => [dial, dial.values
      .filter((value) => value !== values[dial.name])
      .filter((value) => resultOf({ ...values, [dial.name]: value }).answer !== result.answer)]);
    const move = document.getElementById("dials-move");
    move.hidden = false;
    move.querySelector("ul").replaceChildren(...moving.filter(([, others]) => others.length).map(([dial, others]) => {
      const item = document.createElement("li");
      item.textContent = `${label(dial)}: ${others.map((value) => words(dial, value)).join("; or ")}`;
      return item;
    }));
    move.querySelector("p").textContent = moving.some(([, others]) => others.length)
      ? "From here, one more turn changes the answer:" : "From here, no single turn changes the answer.";
    document.getElementById("dials-command").textContent =
      data.command + data.dials.map((dial) => dial.arguments[dial.values.indexOf(values[dial.name])]).join("");
    if (remember) {
      const state = new URLSearchParams(turned.map((dial) => [dial.name, values[dial.name]]));
      history.replaceState(null, "", turned.length ? `#${state}` : location.pathname + location.search);
    }
  }

  function fromAddress() {
    const state = new URLSearchParams(location.hash.slice(1));
    for (const dial of data.dials) {
      const asked = state.get(dial.name);
      menu(dial).value = dial.values.includes(asked) ? asked : data.as_set[dial.name];
    }
    show({ remember: false });
  }

  page.addEventListener("change", () => show());
  page.addEventListener("submit", (event) => event.preventDefault());
  page.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const dial of data.dials) menu(dial).value = data.as_set[dial.name];
    show();
  });
  addEventListener("hashchange", fromAddress);
  page.querySelector(".controls").hidden = false;
  fromAddress();
})();
