(() => {
  const field = document.querySelector("[data-from-link]");
  const said = location.hash.slice(1);
  if (!field || !said) return;
  field.value = new URLSearchParams(said).get("token") || said;
  field.closest("label").hidden = true;
  history.replaceState(null, "", location.pathname + location.search);
  if (field.form.hidden) field.form.submit();
})();
