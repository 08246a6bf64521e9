  // ---- Parts of what is shown

  function radios(box, name, options, chosen, onChange) {
    all('label', box).forEach(label => label.remove());
    options.forEach(function (option) {
      const label = document.createElement('label');
      const input = document.createElement('input');
      const text = document.createElement('span');
      input.type = 'radio';
      input.name = name;
      input.value = option[0];
      input.checked = String(option[0]) === String(chosen);
      text.textContent = option[1];
      label.append(input, text);
      box.append(label);
    });
    box.onchange = event => onChange(event.target.value);
  }

  function definitions(pairs) {
    const list = document.createElement('dl');
    pairs.forEach(function (pair) {
      const group = document.createElement('div');
      const term = document.createElement('dt'), text = document.createElement('dd');
      term.textContent = pair[0];
      text.textContent = pair[1];
      group.append(term, text);
      list.append(group);
    });
    return list;
  }

  // The outline is a vector, so that it stays thin and sharp at any magnification.
  function drawing(view, name) {
    const svg = byId('drawing').content.firstElementChild.cloneNode(true);
    svg.setAttribute('class', name);
    svg.setAttribute('viewBox', '0 0 ' + view.width + ' ' + view.height);
    all('path', svg).forEach(path => path.setAttribute('d', view.outline));
    return svg;
  }

  // What a cell of the table says, as the file's own rows do.
  function percent(part, whole) {
    const share = whole ? 100 * part / whole : 0;
    return share > 0 && share < .01 ? '< 0.01 %' : share.toFixed(share < 10 ? 2 : 1) + ' %';
  }
  const strengthText = strength => strength === null ? '\u2013' : strength.toFixed(2);

  function cell(row, label, text) {
    const cell = document.createElement('td');
    cell.setAttribute('role', 'cell');
    cell.dataset.label = label;
    cell.textContent = text;
    if (label === 'Share' && row.share) {
      const bar = document.createElement('span'), filled = document.createElement('i');
      bar.className = 'bar';
      filled.setAttribute('style', '--share:' + (100 * row.share / most).toFixed(1) + '%');
      bar.append(filled);
      cell.append(bar);
    }
    return cell;
  }
  // A <tbody> like those in the file.
  function makeElement(row) {
    const element = byId('row').content.firstElementChild.cloneNode(true);
    const name = document.createElement(row.pictured ? 'button' : 'div');
    const text = document.createElement('span'), line = one('tr', element);
    element.className = row.state + (row.pictured ? ' pictured' : '');
    element.dataset.number = row.number;
    element.dataset.name = row.name;
    name.className = 'name';
    if (row.pictured) {
      name.type = 'button';
      name.setAttribute('aria-expanded', 'false');
    }
    if (!row.error) {
      const image = document.createElement('img');
      image.alt = '';
      image.width = 72;
      image.height = 48;
      image.dataset.src = beside + fileOf(row.number, '.jpg');
      name.append(image);
    }
    text.textContent = row.name;
    name.append(text);
    one('th', element).append(name);
    if (row.error) {
      const reason = cell(row, '', 'skipped: ' + row.error);
      reason.colSpan = 5;
      line.append(reason);
    } else {
      line.append(cell(row, 'Regions', count(row.regions)),
        cell(row, 'Artifact px', count(row.area)),
        cell(row, 'Share', percent(row.area, row.pixels)),
        cell(row, 'Largest px', count(row.largest)),
        cell(row, 'Strength', strengthText(row.strength)));
    }
    return element;
  }
