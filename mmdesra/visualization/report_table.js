
  // ---- The table: sorting, finding, a page at a time

  let order = rows, onPage = rows, page = 0, sorting = null;

  const nearThumbs = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      if (!entry.isIntersecting) return;
      entry.target.src = entry.target.dataset.src;
      nearThumbs.unobserve(entry.target);
    });
  }, { rootMargin: '50% 0px' });
  all('.name img').forEach(image => nearThumbs.observe(image));

  const names = new Intl.Collator(undefined, { numeric: true });
  function sortBy(key, down) {
    const sign = down ? -1 : 1;
    const value = row => row[key] === null ? -1 : row[key];  // what is not known
    rows.sort(function (a, b) {
      const skipped = (a.state === 'skipped') - (b.state === 'skipped');
      if (skipped) return skipped;
      return sign * (key === 'name' ? names.compare(a.name, b.name) : value(a) - value(b))
        || names.compare(a.name, b.name);
    });
    all('thead th').forEach(function (cell) {
      if (one('button', cell).dataset.key !== key) cell.removeAttribute('aria-sort');
      else cell.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    });
    filter();
  }
  one('thead').addEventListener('click', function (event) {
    const button = event.target.closest('button');
    if (!button) return;
    const now = button.closest('th').getAttribute('aria-sort');
    // Numbers start with the largest, names with the first.
    const down = now ? now === 'ascending' : button.dataset.key !== 'name';
    sorting = () => sortBy(button.dataset.key, down);
    whenAll(() => sorting());
  });

  const search = one('input[type=search]');
  function arrange() {
    const text = search.value.trim().toLowerCase();
    const state = one('.states input:checked').value;
    order = rows.filter(row => row.name.toLowerCase().includes(text)
      && (!state || row.state === state));
    one('.count').textContent = order.length === total ? ''
      : count(order.length) + ' of ' + count(total);
  }
  function filter() {
    arrange();
    show(0);
  }
  search.addEventListener('input', () => whenAll(filter));
  one('.states').addEventListener('change', () => whenAll(filter));

  // ---- Pages

  const pager = one('.pager');
  const lastPage = () => Math.max(Math.ceil((isAll ? order.length : total) / PAGE) - 1, 0);
  function show(wanted) {
    page = clamp(wanted, 0, lastPage());
    const before = onPage;
    onPage = order.slice(page * PAGE, (page + 1) * PAGE);
    const stay = new Set(onPage);
    before.filter(row => !stay.has(row)).forEach(function (row) {
      close(row);
      row.element.remove();
      if (!row.isInside) row.element = null;
    });
    onPage.forEach(function (row) {
      if (row.element) return;
      row.element = makeElement(row);
      all('.name img', row.element).forEach(image => nearThumbs.observe(image));
    });
    table.append(...onPage.map(row => row.element));
    tellPage();
  }
  function tellPage() {
    const many = isAll ? order.length : total;
    pager.hidden = many <= PAGE;
    one('span', pager).textContent = count(Math.min(page * PAGE + 1, many)) + ' to '
      + count(Math.min((page + 1) * PAGE, many)) + ' of ' + count(many);
    ['first', 'before'].forEach(name => { one('.' + name, pager).disabled = page === 0; });
    ['after', 'last'].forEach(name => { one('.' + name, pager).disabled = page === lastPage(); });
  }
  function turn(to) {
    whenAll(function () {
      arrange();
      show(to());
      table.scrollIntoView({ block: 'start' });
    });
  }
  one('.first', pager).onclick = () => turn(() => 0);
  one('.before', pager).onclick = () => turn(() => page - 1);
  one('.after', pager).onclick = () => turn(() => page + 1);
  one('.last', pager).onclick = () => turn(lastPage);

  // ---- Opening, closing, and going from one to the next

  const pictured = () => onPage.filter(row => row.pictured);
  const rowOf = body => onPage.find(row => row.element === body);
  function open(row, later) {
    if (opened.has(row)) return;
    row.element.classList.add('open');
    one('.name', row.element).setAttribute('aria-expanded', 'true');
    opened.set(row, makeDetail(row));
    if (!later) opened.get(row).build();
  }
  function close(row) {
    if (!opened.has(row)) return;
    opened.get(row).remove();
    opened.delete(row);
    row.element.classList.remove('open');
    one('.name', row.element).setAttribute('aria-expanded', 'false');
  }
  function go(row) {
    const place = order.indexOf(row);
    if (Math.floor(place / PAGE) !== page) show(Math.floor(place / PAGE));
    open(row);
    row.element.scrollIntoView({ block: 'start' });
    opened.get(row).focus();
    history.replaceState(null, '', '#' + encodeURIComponent(row.name));
  }
  function step(row, by) {
    const next = () => {
      let place = order.indexOf(row) + by;
      while (order[place] && !order[place].pictured) place += by;
      return order[place];
    };
    const move = function () {
      arrange();
      if (!next()) return;
      const to = next();
      close(row);
      go(to);
    };
    if (next()) move();
    else whenAll(move);
  }
  // The pictures stand at the end of the file, behind this script.
  const ready = new Promise(function (resolve) {
    document.addEventListener('DOMContentLoaded', resolve);
  });
  table.addEventListener('click', function (event) {
    const line = event.target.closest('.pictured .row');
    if (!line || String(getSelection())) return;
    const row = rowOf(line.parentNode);
    ready.then(() => opened.has(row) ? close(row) : open(row));
  });
  // Up and down walk the list.
  table.addEventListener('keydown', function (event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || !event.target.matches('button.name')) return;
    const list = pictured();
    const next = list[list.indexOf(rowOf(event.target.closest('tbody'))) + by];
    if (!next) return;
    event.preventDefault();
    one('.name', next.element).focus();
  });
  one('.open-all').onclick = () => ready.then(() => pictured().forEach(row => open(row, true)));
  one('.close-all').onclick = () => Array.from(opened.keys()).forEach(close);
  window.addEventListener('beforeprint', function () {
    opened.forEach(detail => detail.load(true));
    all('.name img').forEach(image => { image.src = image.dataset.src; });
  });
  tellPage();
  ready.then(function () {
    const wanted = () => rows.find(row => row.pictured
      && '#' + encodeURIComponent(row.name) === location.hash);
    if (!location.hash) {
      if (rows.length && rows[0].state === 'found' && rows[0].pictured) open(rows[0]);
    } else if (wanted()) {
      go(wanted());
    } else {
      whenAll(function () {
        arrange();
        if (wanted()) go(wanted());
      });
    }
  });
