// Beside Sphinx's own search: pages that answer come first, those of single trials last; excerpts also from a folder.
var Scorer = {
  score: ([page, , , , score]) => {
    const weights = [
      [/^answers\//, 3], [/^04_/, 2.2], [/^\d\d_/, 2], [/^index$/, 1.5],
      [/^trials\//, 0.5], [/^(changelog|history|references|checklists|genindex)$/, 0.5],
    ];
    return score * (weights.find(([pages]) => pages.test(page)) || [null, 1])[1];
  },
  // As Sphinx has them.
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
};

// A page that is opened from a folder may not fetch others: Sphinx's search is given their texts from a script.
if (location.protocol === "file:" && /\/search\.html$/.test(location.pathname)) {
  let texts;
  const loaded = () => texts || (texts = new Promise((resolve) => {
    window.setSearchTexts = resolve;
    const script = document.createElement("script");
    script.src = "search_texts.js";
    script.onerror = () => resolve({});
    document.head.append(script);
  }));
  window.fetch = (address) => loaded().then((all) => {
    const page = document.createElement("div");
    page.setAttribute("role", "main");
    page.textContent = all[String(address).replace(/^(\.\/)+/, "")] || "";
    return new Response(page.outerHTML);
  });
}
