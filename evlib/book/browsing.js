// Search, menus, ranges and sorting for each table of evlib.book.browsing. Without it the whole table shows.
(() => {
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/\s+/g, " ").trim();
  const asPattern = (words) => words.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*$/, "\\p{L}*");
  const whole = (words) => new RegExp(`(?<![\\p{L}\\d])${asPattern(words)}(?![\\p{L}\\d])`, "u");
  const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const order = new Intl.Collator("en", {numeric: true, sensitivity: "base"});

  const start = (box) => {
    const find = (selector) => [...box.querySelectorAll(selector)];
    const body = box.querySelector("tbody"), bar = box.querySelector(".filters"), heads = find("thead th");
    const search = box.querySelector("input[type=search]"), said = box.querySelector("[role=status]");
    const menus = find("select"), ranges = find("fieldset");
    const groups = JSON.parse(box.dataset.synonyms).map((words) => words.map(plain));
    const rows = [...body.rows].map((row, place) => {
      const values = menus.map((menu) => (row.getAttribute(`data-${menu.name}`) || "").split(" | "));
      const numbers = ranges.map((range) => row.getAttribute(`data-${range.name}`)).map((n) => (n ? Number(n) : NaN));
      return {row, place, values, numbers, text: plain([...row.cells].map((cell) => cell.innerText).concat(row.dataset.words || "").join(" "))};
    });
    let sorted = {column: -1, down: false};

    // What is typed, as terms that must all be found, each in one of several ways; and the synonyms that this took in.
    const asked = () => {
      let rest = plain(search.value);
      const terms = [], also = [];
      for (const group of groups) {
        const typed = group.map(whole).map((form) => rest.match(form)).find(Boolean);
        if (!typed) continue;
        rest = rest.replace(typed[0], " ");
        terms.push(group.map(whole));
        also.push(`“${typed[0]}” finds ${group.map((words) => words.replace("*", "…")).join(", ")}`);
      }
      for (const word of rest.split(" ").filter(Boolean))
        terms.push([word.length < 3 ? whole(word) : new RegExp(asPattern(word.replace(/\*$/, "")), "u")]);
      return {terms, also};
    };
    const chosen = () => ranges.map((range) => {
      const [low, high] = [...range.querySelectorAll("input")].map((input) => input.value);
      return low || high ? [low ? Number(low) : -Infinity, high ? Number(high) : Infinity] : null;
    });

    const state = () => {
      const held = new URLSearchParams();
      if (search.value.trim()) held.set("search", search.value.trim());
      for (const menu of menus) if (menu.value) held.set(menu.name, menu.value);
      for (const range of ranges) {
        const ends = [...range.querySelectorAll("input")].map((input) => input.value);
        if (ends.some(Boolean)) held.set(range.name, ends.join(".."));
      }
      if (sorted.column >= 0) held.set("sort", `${sorted.down ? "-" : ""}${heads[sorted.column].dataset.name}`);
      return held.toString();
    };
    const restore = () => {
      const hash = location.hash.slice(1);
      if (hash && !hash.includes("=")) return; // a place on the page
      const held = new URLSearchParams(hash), sort = held.get("sort") || "";
      search.value = held.get("search") || "";
      for (const menu of menus) {
        menu.value = held.get(menu.name) || "";
        if (menu.selectedIndex < 0) menu.value = "";
      }
      for (const range of ranges) {
        const ends = (held.get(range.name) || "").split("..");
        range.querySelectorAll("input").forEach((input, i) => { input.value = ends[i] || ""; });
      }
      const column = heads.findIndex((head) => head.dataset.name === sort.replace(/^-/, ""));
      sorted = {column, down: sort.startsWith("-")};
      arrange();
      show();
    };

    const arrange = () => {
      heads.forEach((head, i) => {
        if (i === sorted.column) head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      const key = ({row}) => {
        const cell = row.cells[sorted.column];
        return cell.dataset.order ?? (cell.querySelector(".unreported") ? "" : cell.textContent.trim());
      };
      const listed = [...rows];
      if (sorted.column >= 0) {
        const keys = new Map(rows.map((entry) => [entry, key(entry)]));
        listed.sort((a, b) => {
          const [one, other] = [keys.get(a), keys.get(b)];
          if (!one || !other) return (one ? 0 : 1) - (other ? 0 : 1) || a.place - b.place; // without a value: last
          const numbers = [Number(one), Number(other)];
          const by = numbers.some(Number.isNaN) ? order.compare(one, other) : numbers[0] - numbers[1];
          return (sorted.down ? -by : by) || a.place - b.place;
        });
      }
      body.append(...listed.map(({row}) => row));
    };

    const show = () => {
      const {terms, also} = asked(), bounds = chosen();
      const tests = (entry) => [
        terms.every((forms) => forms.some((form) => form.test(entry.text))),
        ...menus.map((menu, i) => !menu.value || entry.values[i].includes(menu.value)),
        ...bounds.map((ends, i) => !ends || (entry.numbers[i] >= ends[0] && entry.numbers[i] <= ends[1])),
      ];
      const results = rows.map((entry) => [entry, tests(entry)]);
      let shown = 0, unknown = 0;
      for (const [entry, passed] of results) {
        entry.row.hidden = !passed.every(Boolean);
        shown += entry.row.hidden ? 0 : 1;
        const rest = passed.slice(0, 1 + menus.length).every(Boolean);
        if (rest && bounds.some((ends, i) => ends && Number.isNaN(entry.numbers[i]))) unknown += 1;
      }
      // Beside each choice of a menu, how many rows it leaves with the other filters as they are.
      menus.forEach((menu, i) => {
        const left = results.filter(([, passed]) => passed.every((ok, j) => ok || j === i + 1));
        for (const option of [...menu.options].slice(1)) {
          const n = left.filter(([entry]) => entry.values[i].includes(option.value)).length;
          option.textContent = `${option.value} (${n})`;
        }
      });
      const what = box.dataset.what, of = rows.length;
      const parts = [shown === of ? `All ${of} ${what} are shown.` : `${shown} of ${of} ${what} are shown.`];
      if (unknown) parts.push(`A range leaves out ${unknown} that ${unknown === 1 ? "states" : "state"} no such number.`);
      if (also.length) parts.push(`${also.join("; ")}.`);
      said.textContent = parts.join(" ");
      box.querySelector("button.clear").disabled = !state();
    };

    let waiting;
    const keep = () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        const held = state();
        history.replaceState(null, "", held ? `#${held}` : location.href.split("#")[0]);
      }, 200);
    };
    const changed = () => { show(); keep(); };

    const download = () => {
      const lines = [...body.rows].filter((row) => !row.hidden).map((row) => JSON.parse(row.dataset.row));
      const text = [JSON.parse(box.dataset.columns), ...lines].map((cells) => cells.map(quoted).join(",")).join("\n");
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([`${text}\n`], {type: "text/csv"}));
      link.download = `${box.id}-shown.csv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    };

    heads.forEach((head, i) => head.querySelector("button").addEventListener("click", () => {
      sorted = {column: i, down: sorted.column === i && !sorted.down};
      arrange();
      changed();
    }));
    bar.addEventListener("input", changed);
    bar.addEventListener("submit", (event) => event.preventDefault());
    box.querySelector("button.clear").addEventListener("click", () => {
      bar.reset();
      sorted = {column: -1, down: false};
      arrange();
      changed();
      search.focus();
    });
    box.querySelector("button.download")?.addEventListener("click", download);
    window.addEventListener("hashchange", restore);
    bar.hidden = false;
    box.classList.add("ready");
    restore();
    show();
  };
  document.querySelectorAll(".browsing").forEach(start);
})();
