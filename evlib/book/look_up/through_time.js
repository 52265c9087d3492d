"use strict";
// Looks up the chosen search date in the data of the page; nothing is computed but sums of the counts shown.
(() => {
  const data = JSON.parse(document.getElementById("through_time-data").textContent);
  const page = document.getElementById("through-time");
  if (!page || !data.days.length) return;
  const slider = document.getElementById("search-date");
  const all = (selector) => page.querySelectorAll(selector);
  const countAt = (steps, day) => steps.reduce((n, [from, count]) => (from <= day ? count : n), 0);

  function show(day, { remember = true, speak = true } = {}) {
    const name = data.days[day];
    slider.value = day;
    slider.setAttribute("aria-valuetext", name);
    document.getElementById("search-day").textContent = name;
    all(".chosen-day").forEach((place) => { place.textContent = name; });
    for (const [key, values] of Object.entries({ ...data.numbers, ...data.leaders })) {
      page.querySelector(`[data-number="${key}"]`).textContent = values[day] ?? "–";
    }
    const rows = {}, columns = {};
    all("[data-cell]").forEach((cell) => { cell.textContent = "·"; cell.style.setProperty("--share", 0); });
    let sum = 0;
    for (const [row, column, steps] of data.cells) {
      const n = countAt(steps, day);
      const cell = page.querySelector(`[data-cell="${row}-${column}"]`);
      cell.textContent = n || "·";
      cell.style.setProperty("--share", (n / data.most).toFixed(2));
      rows[row] = (rows[row] || 0) + n;
      columns[column] = (columns[column] || 0) + n;
      sum += n;
    }
    all("[data-row]").forEach((cell) => { cell.textContent = rows[cell.dataset.row] || 0; });
    all("[data-column]").forEach((cell) => { cell.textContent = columns[cell.dataset.column] || 0; });
    page.querySelector("[data-all]").textContent = sum;
    page.querySelectorAll("[data-step]").forEach((button) => {
      const next = day + Number(button.dataset.step);
      button.setAttribute("aria-disabled", String(next < 0 || next >= data.days.length));
    });
    const { n_included: included, n_estimated: estimated, n_unknown: unknown, n_undated: undated } = data.numbers;
    if (speak) {
      document.getElementById("search-says").textContent =
        `Search to ${name}: ${included[day]} trials included; the day of registration of ${estimated[day]} is estimated, ` +
        `of ${unknown[day]} known only within bounds; ${undated[day]} more records cannot be placed and are left out.`;
    }
    if (remember) history.replaceState(null, "", `#day=${name}`);
  }

  function fromAddress() {
    const day = data.days.indexOf((/^#day=([\d-]+)$/.exec(location.hash) || [])[1]);
    show(day < 0 ? data.days.length - 1 : day, { remember: false });
  }

  slider.addEventListener("input", () => show(Number(slider.value)));
  all("[data-step]").forEach((button) => button.addEventListener("click", () => {
    const next = Number(slider.value) + Number(button.dataset.step);
    if (next >= 0 && next < data.days.length) show(next);
  }));
  all("[data-day]").forEach((button) => button.addEventListener("click", () => show(data.days.indexOf(button.dataset.day))));
  addEventListener("hashchange", fromAddress);
  page.querySelector(".controls").hidden = false;
  fromAddress();
})();
