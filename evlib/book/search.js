// Beside Sphinx's own search: pages that answer come first, those of single trials last; excerpts also from a folder.
var Scorer = {
  score: ([page, , , , score]) => {
    const weights = [
      [/^answers\/all-diseases-/, 2.8], [/^answers\//, 3], [/^04_/, 2.2], [/^\d\d_/, 2], [/^index$/, 1.5],
      [/^trials\//, 0.5], [/^(changelog|history|references|checklists|genindex)$/, 0.5],
    ];
    return score * (weights.find(([pages]) => pages.test(page)) || [null, 1])[1];
  },
  // As Sphinx has them.
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
};

// Not by addTranslations, which evaluates a string: the policy of the pages refuses that.
Object.assign(Documentation.TRANSLATIONS, {
  "Your search did not match any documents. Please make sure that all words are spelled correctly and that you've selected enough categories.":
    "The book has nothing on these words together. Try one of them, or another word for the same. What was not looked at at all is listed in \u201cData and its limits\u201d.",
});

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
