  // ---- What the page holds, and what lies in files beside it

  const NAMES = { lq: 'LR', mse: 'MSE-SR', gan: 'GAN-SR', map: 'Map', mask: 'Mask' };
  const ZOOMS = [['fit', 'Fit'], [1, '100%'], [2, '200%'], [4, '400%']];
  const byId = id => document.getElementById(id);
  const one = (selector, root) => (root || document).querySelector(selector);
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const count = number => number.toLocaleString('en-US');

  const table = one('table');
  const total = +table.dataset.total, PAGE = +table.dataset.page, most = +table.dataset.most;
  const beside = table.dataset.files + '/';

  // A page from the disk may read no file beside it, but may load a script. These call one
  // function with one string, in which the data is.
  let given = null;
  window.mmdesraData = text => { given = text; };
  const parse = text => JSON.parse(decodeURIComponent(text));
  function load(name, onData, onFailure) {
    function fail(text) {
      complain(text);
      onFailure();
    }
    const script = document.createElement('script');
    script.onload = function () {
      const text = given;
      given = null;
      script.remove();
      let data = null;
      try {
        data = parse(text);
      } catch (error) {
        data = null;
      }
      if (data) onData(data);
      else fail(decodeURI(beside + name) + ' is damaged.');
    };
    script.onerror = function () {
      script.remove();
      fail(decodeURI(beside + name) + ' cannot be loaded. The folder ' + decodeURI(beside)
        + ' belongs to this page and must lie beside it.');
    };
    script.src = beside + name;
    document.head.append(script);
  }
  function complain(text) {
    const note = one('.missing');
    note.textContent = text;
    note.hidden = false;
  }
  const fileOf = (number, suffix) => Math.floor(number / table.dataset.folderSize) + '/' + number
    + suffix;

  // Rows of the table. Those of the first page stand in this file, as elements.
  const KEYS = ['number', 'name', 'state', 'regions', 'area', 'pixels', 'largest', 'strength',
    'pictured', 'error'];
  function rowOfElement(element) {
    const data = element.dataset, row = { element: element, isInside: true };
    KEYS.forEach(key => { row[key] = data[key]; });
    ['number', 'regions', 'area', 'pixels', 'largest'].forEach(key => { row[key] = +row[key]; });
    row.strength = data.strength === '' ? null : +data.strength;
    row.pictured = element.classList.contains('pictured');
    return withShare(row);
  }
  function rowOfRecord(record) {
    const row = { element: null, isInside: false };
    KEYS.forEach((key, place) => { row[key] = record[place]; });
    return withShare(row);
  }
  function withShare(row) {
    row.share = row.pixels ? row.area / row.pixels : 0;
    return row;
  }

  let rows = Array.from(table.tBodies).map(rowOfElement);
  let asked = null;  // what waits for the whole table
  let isAll = rows.length === total;
  function whenAll(then) {
    if (isAll) {
      then();
    } else if (asked) {
      asked.push(then);
    } else {
      asked = [then];
      table.setAttribute('aria-busy', 'true');
      load(table.dataset.rows, function (records) {
        const there = new Map(rows.map(row => [row.number, row]));
        rows = records.map(record => there.get(record[0]) || rowOfRecord(record));
        goOn();
      }, goOn);
    }
  }
  function goOn() {  // where the table cannot be loaded, with what is there
    const waiting = asked;
    isAll = true;
    asked = null;
    table.removeAttribute('aria-busy');
    waiting.forEach(next => next());
  }

  function withSizes(pictures) {
    pictures.views.forEach(view => { [view.height, view.width] = view.size; });
    return pictures;
  }
  // The pictures and texts of an image: at once where they are in this file.
  function withPictures(row, then, otherwise) {
    const inside = byId('pictures-' + row.number);
    if (inside) {
      then(withSizes(parse(inside.textContent)));
      return;
    }
    load(fileOf(row.number, '.js'), function (pictures) {
      if (pictures.name === row.name) {
        then(withSizes(pictures));
        return;
      }
      complain('The pictures of ' + row.name + ' are not there any more: a later run has '
        + 'written those of ' + pictures.name + ' in their place.');
      otherwise();
    }, otherwise);
  }
