// Sets the trials beside a planned one by the fields that both have; text of records is only ever shown as text.
(() => {
  const data = JSON.parse(document.getElementById("is_my_trial_new-data").textContent);
  const page = document.getElementById("planned");
  if (!page) return;
  const SHOWN = 25;
  // The condition is typed; the other fields are chosen.
  const condition = { name: "condition", label: "Condition", labels: {} };
  const fields = [condition, ...data.fields];
  const menu = (field) => document.getElementById(`planned-${field.name}`);
  const dose = document.getElementById("planned-dose");
  const several = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
  const labelOf = (field, code) => (code ? field.labels[code] || code : "not reported");
  const superscript = (n) => String(n).replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
  const power = (n) => {
    const [mantissa, exponent] = n.toExponential(2).split("e");
    return `${Number(mantissa)}×10${superscript(Number(exponent))}`;
  };

  // "2e8", "2×10^8", "2 x 10⁸", "200,000,000"; null where it is no number above zero.
  function particles(text) {
    const plain = text.replace(/[⁰¹²³⁴⁵⁶⁷⁸⁹]+/g, (run) => `^${[...run].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(digit)).join("")}`).replace(/\s/g, "");
    const [, times, exponent = 0] = /^(?:(.+)[x×*·])?10\^(\d{1,2})$/i.exec(plain) || /^(.+?)(?:e\+?(\d{1,2}))?$/i.exec(plain) || [];
    const digits = times === undefined && exponent ? "1" : times;
    if (!digits || !/^(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?$/.test(digits)) return null;
    const number = Number(`${digits.replaceAll(",", "")}e${exponent}`);
    return Number.isFinite(number) && number > 0 ? number : null;
  }

  // The conditions of a trial that are the one that is typed.
  const alike = (trial, typed) => {
    const named = isNamedBy(typed);
    return (trial.condition || []).filter((name) => named(data.conditions[name]));
  };
  const shares = (trial, field, code) => field === condition ? alike(trial, code).length > 0 : trial[field.name] === code;

  function compared(trial, planned) {
    const asked = fields.filter((field) => planned[field.name]);
    const same = asked.filter((field) => shares(trial, field, planned[field.name]));
    const unknown = asked.filter((field) => !trial[field.name]);
    return { trial, same, unknown, differs: asked.filter((field) => !same.includes(field) && !unknown.includes(field)) };
  }

  // More fields the same, then fewer that differ, then the earlier field the same, then the newer.
  const rank = (one) => one.same.reduce((sum, field) => sum + 2 ** (fields.length - fields.indexOf(field)), 0);
  const nearer = (a, b) => b.same.length - a.same.length || a.differs.length - b.differs.length || rank(b) - rank(a) ||
    (b.trial.registered || "").localeCompare(a.trial.registered || "");

  function has(trial, chosen) {
    return chosen.every(([field, code]) => shares(trial, field, code));
  }

  function withFields(planned, names) {
    return fields.filter((field) => planned[field.name] && names.includes(field.name)).map((field) => [field, planned[field.name]]);
  }

  function inWords(chosen) {
    return chosen.map(([field, code]) => `${field.label.toLowerCase()} “${labelOf(field, code)}”`).join(" and ");
  }

  // What is known of a combination of fields: how many trials have it, and how many cannot be told.
  function counted(chosen) {
    const n = data.trials.filter((trial) => has(trial, chosen)).length;
    const open = data.trials.filter((trial) => !has(trial, chosen) &&
      chosen.every(([field, code]) => !trial[field.name] || shares(trial, field, code))).length;
    const found = n === 0 ? "New here: no included trial has" : n === 1 ? "One included trial has" : `${n} included trials have`;
    const untold = open ? `; of ${several(open, "more trial")} it cannot be told, since a field is not reported` : "";
    return `${found} ${inWords(chosen)}${untold}.`;
  }

  function ofDose(amount, planned) {
    const route = withFields(planned, ["route"]);
    const among = data.trials.filter((trial) => trial.basis === "stated" && has(trial, route));
    const converted = data.trials.filter((trial) => trial.basis && trial.basis !== "stated" && has(trial, route)).length;
    const where = route.length ? ` with ${inWords(route)}` : "";
    const rest = converted ? ` Those of ${several(converted, "more trial")}${where} are derived or assumed, and left out here.` : "";
    if (!among.length) return `No included trial${where} states a dose in particles.${rest}`;
    const largest = among.reduce((a, b) => (b.high > a.high ? b : a));
    const smallest = among.reduce((a, b) => (b.low < a.low ? b : a));
    const times = (n) => (n >= 100 ? Math.round(n) : Number(n.toPrecision(2))).toLocaleString("en");
    const of = `of ${several(among.length, "included trial")}${where} that ${among.length === 1 ? "states" : "state"} particles`;
    if (amount > largest.high) return `Its dose is ${times(amount / largest.high)} times the largest ${of} (${power(largest.high)}, ${largest.trn}).${rest}`;
    if (amount < smallest.low) return `Its dose is below the smallest ${of} (${power(smallest.low)}, ${smallest.trn}), which is ${times(smallest.low / amount)} times as large.${rest}`;
    return `Its dose lies within those ${of} (${power(smallest.low)} to ${power(largest.high)}).${rest}`;
  }

  function cell(row, content) {
    const place = row.insertCell();
    if (content instanceof Node) place.append(content);
    else place.textContent = content;
  }

  function show({ remember = true } = {}) {
    const planned = Object.fromEntries(fields.map((field) => [field.name, menu(field).value.trim()]));
    const asked = fields.filter((field) => planned[field.name]);
    const typed = dose ? dose.value.trim() : "";
    const amount = typed ? particles(typed) : null;
    const named = data.trials.filter((trial) => alike(trial, planned.condition).length).length;
    document.getElementById("planned-condition-read").textContent =
      planned.condition ? `named by ${several(named, "included trial")}, in these or other words for the same` : "";
    if (dose) {
      dose.setAttribute("aria-invalid", String(Boolean(typed) && amount === null));
      document.getElementById("planned-dose-read").textContent =
        !typed ? "" : amount === null ? "Not understood: write 2e8, or 2×10^8." : `read as ${power(amount)}`;
    }
    if (remember) {
      const state = new URLSearchParams(asked.map((field) => [field.name, planned[field.name]]));
      if (amount !== null) state.set("particles", String(amount));
      history.replaceState(null, "", String(state) ? `#${state}` : location.pathname + location.search);
    }
    page.querySelector(".result").hidden = !asked.length && amount === null;
    if (!asked.length && amount === null) return;

    const order = data.trials.map((trial) => compared(trial, planned)).sort(nearer);
    const withSame = (n) => order.filter((one) => one.same.length === n).length;
    const counts = asked.map((_, i) => asked.length - i).map((n) =>
      `${several(withSame(n), "trial")} ${withSame(n) === 1 ? "shares" : "share"} ${n === asked.length && n > 1 ? `all ${n}` : n} of these fields`);
    document.getElementById("planned-says").textContent = asked.length
      ? `Of ${several(data.trials.length, "included trial")} registered by ${data.day}, ${counts.join(", ")}. What was registered later is not known here.`
      : `${several(data.trials.length, "trial")} registered by ${data.day} are included. What was registered later is not known here.`;

    const names = asked.map((field) => field.name);
    const pairs = names.length > 2 ? names.flatMap((name, i) => names.slice(i + 1).map((other) => [name, other])) : [];
    const unseen = names.length > 1 ? asked.filter((field) => !data.trials.some((trial) => shares(trial, field, planned[field.name]))).map((field) => field.name) : [];
    const sets = [names, ...pairs, ...unseen.map((name) => [name])].filter((set) => set.length);
    const adds = sets.map((set) => counted(withFields(planned, set)));
    if (amount !== null) adds.push(ofDose(amount, planned));
    document.getElementById("planned-adds").replaceChildren(...adds.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));

    const nearest = order.filter((one) => one.same.length || !asked.length).slice(0, SHOWN);
    document.getElementById("planned-order").textContent = nearest.length
      ? `The ${several(nearest.length, "nearest trial")}: those with more fields the same first, then those with fewer that differ, then the newer.`
      : "No included trial shares any of these fields.";
    const body = document.getElementById("planned-nearest");
    body.replaceChildren();
    for (const { trial, same, unknown, differs } of nearest) {
      const row = body.insertRow();
      const link = document.createElement("a");
      link.href = trial.page;
      link.textContent = trial.trn;
      cell(row, link);
      cell(row, trial.title || "not reported");
      cell(row, (trial.condition || []).join("; ") || "not reported");
      cell(row, same.map((field) => field.label.toLowerCase()).join(", ") || "–");
      cell(row, [...differs.map((field) => field === condition ? "condition" : `${field.label.toLowerCase()}: ${labelOf(field, trial[field.name])}`),
        ...unknown.map((field) => `${field.label.toLowerCase()}: not reported`)].join("; ") || "none of these fields");
      if (dose) cell(row, trial.dose || "–");
      cell(row, trial.registered || "not known");
      cell(row, trial.status || "not reported");
    }
  }

  function fromAddress() {
    const state = new URLSearchParams(location.hash.slice(1));
    for (const field of fields) {
      const asked = state.get(field.name);
      const known = field === condition || [...menu(field).options].some((option) => option.value === asked);
      menu(field).value = known && asked !== null ? asked : "";
    }
    if (dose) dose.value = state.get("particles") || "";
    show({ remember: false });
  }

  page.addEventListener("change", () => show());
  page.addEventListener("submit", (event) => event.preventDefault());
  page.addEventListener("reset", () => setTimeout(show));
  for (const field of [menu(condition), dose]) if (field) field.addEventListener("input", () => show());
  addEventListener("hashchange", fromAddress);
  page.querySelector(".controls").hidden = false;
  fromAddress();
})();
