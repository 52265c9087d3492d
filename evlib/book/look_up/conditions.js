"use strict";
// What tells whether a condition is the one that is typed: each word of it begins one of the condition's own words or of its synonyms.
const plainWords = (text) => text.normalize("NFKD").replace(/[\p{M}'’]/gu, "").toLowerCase().match(/[\p{L}\d]+/gu) || [];
function isNamedBy(typed) {
  const forms = plainWords(typed).map((word) =>
    new RegExp(word.length < 4 ? `(?<![\\p{L}\\d])${word}(?![\\p{L}\\d])` : `(?<![\\p{L}\\d])${word.length > 4 ? word.replace(/s$/, "") : word}`, "u"));
  return (words) => forms.length > 0 && forms.every((form) => form.test(words));
}
