  // ---- One image, opened

  const opened = new Map();  // row -> its detail
  // What was last chosen is where the next image starts, so that many are looked at alike.
  const last = { left: 'mse', right: 'gan', outline: true, at: .5 };

  // Pictures are decoded only near what is on the screen.
  const near = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      const body = entry.target.closest('tbody');
      opened.forEach(function (detail, row) {
        if (row.element === body) detail.load(entry.isIntersecting);
      });
    });
  }, { rootMargin: '100% 0px' });

  function makeDetail(row) {
    const number = row.number;
    const root = byId('detail').content.firstElementChild.cloneNode(true);
    const stage = one('.stage', root), scroll = one('.scroll', root);
    const canvas = one('.canvas', root), handle = one('.handle', root);
    const images = { left: one('img.left', root), right: one('img.right', root) };
    const check = one('.check input', root);
    const panels = one('.panels', root);
    let meta = null, view = null, region = -1;  // not there until the pictures are loaded
    let kinds = [], zoom = 'fit', at = last.at, loaded = false;
    let left = last.left, right = last.right, drag = '', start = { clientX: 0, clientY: 0 };

    let lines, mark = null, tints = {};

    function fill(image, kind) {
      if (!loaded || !kind) image.removeAttribute('src');
      else image.src = view.pictures[kind];
    }

    // The divider cuts at a place of the stage; the pictures below may be scrolled.
    function place() {
      const x = scroll.getBoundingClientRect().left + at * scroll.clientWidth;
      canvas.style.setProperty('--x', x - canvas.getBoundingClientRect().left + 'px');
      handle.style.left = at * scroll.clientWidth + 'px';
      handle.setAttribute('aria-valuenow', Math.round(100 * at));
      handle.setAttribute('aria-valuetext', Math.round(100 * at) + '% ' + NAMES[left] + ', then '
        + NAMES[right]);
      const moves = scroll.scrollWidth > scroll.clientWidth + 1
        || scroll.scrollHeight > scroll.clientHeight + 1;
      stage.classList.toggle('moves', moves);
    }
    function slide(to) {
      at = last.at = clamp(to, 0, 1);
      place();
    }
    function show() {
      const base = kind => kind === 'mask' ? 'gan' : kind;
      [['left', left], ['right', right]].forEach(function (side) {
        const image = images[side[0]];
        fill(image, base(side[1]));
        image.alt = row.name + ': ' + NAMES[side[1]];
        image.classList.toggle('coarse', side[1] === 'lq' || zoom > 1);
        one('.tag.' + side[0], root).textContent = NAMES[side[1]];
        const input = one('.side-' + side[0] + ' input[value=' + side[1] + ']', root);
        if (input) input.checked = true;
      });
      lines.toggleAttribute('hidden', !check.checked && left !== 'mask' && right !== 'mask');
      tints.left.toggleAttribute('hidden', left !== 'mask');
      tints.right.toggleAttribute('hidden', right !== 'mask');
      one('.map-legend', root).hidden = left !== 'map' && right !== 'map';
      all('figure', root).forEach(function (figure) {
        figure.classList.toggle('shown', [left, right].includes(figure.dataset.kind));
      });
      place();
    }
    function choose(side, kind) {
      if (side === 'left') left = last.left = kind;
      else right = last.right = kind;
      show();
    }
    // Magnify, with a point, in shares of the picture, in the middle where possible: that which
    // is given, the one there now, or the largest region.
    function magnify(to, point) {
      const now = zoom === 'fit' ? view.focus
        : [(scroll.scrollLeft + scroll.clientWidth / 2) / canvas.offsetWidth,
          (scroll.scrollTop + scroll.clientHeight / 2) / canvas.offsetHeight];
      const [x, y] = point || now;
      zoom = to === 'fit' ? to : +to;
      const ratio = view.width / view.height;
      const most = zoom === 'fit' ? 'var(--high) * ' + ratio + ', ' + 4 * view.width + 'px'
        : zoom * view.width + 'px';
      stage.style.width = 'min(100%, ' + most + ')';
      canvas.style.width = zoom === 'fit' ? '100%' : zoom * view.width + 'px';
      canvas.style.aspectRatio = view.width + ' / ' + view.height;
      scroll.style.overflow = zoom === 'fit' ? 'hidden' : 'auto';
      scroll.scrollLeft = x * canvas.offsetWidth - scroll.clientWidth / 2;
      scroll.scrollTop = y * canvas.offsetHeight - scroll.clientHeight / 2;
      one('.zoom input[value="' + to + '"]', root).checked = true;
      show();
    }

    function panel(kind) {
      const figure = document.createElement('figure');
      const button = document.createElement('button');
      const caption = document.createElement('figcaption');
      const image = document.createElement('img');
      figure.dataset.kind = kind;
      button.type = 'button';
      button.title = 'Show on the right (with Shift: on the left)';
      button.style.aspectRatio = view.width + ' / ' + view.height;
      button.onclick = event => choose(event.shiftKey ? 'left' : 'right', kind);
      image.alt = row.name + ': ' + NAMES[kind];
      image.dataset.kind = kind === 'mask' ? 'gan' : kind;
      if (kind === 'lq') image.className = 'coarse';
      button.append(image);
      if (kind === 'mask') button.append(drawing(view, 'tint'), drawing(view, 'lines'));
      caption.textContent = NAMES[kind];
      figure.append(button, caption);
      return figure;
    }
    function showView(key) {
      view = meta.views.find(part => part.key === key);
      kinds = ['lq', 'mse', 'gan', 'map'].filter(kind => view.pictures[kind])
        .concat(view.outline ? ['mask'] : []);
      if (!kinds.includes(left)) left = 'mse';
      if (!kinds.includes(right)) right = 'gan';
      const options = kinds.map(kind => [kind, NAMES[kind]]);
      radios(one('.side-left', root), 'left-' + number, options, left,
        kind => choose('left', kind));
      radios(one('.side-right', root), 'right-' + number, options, right,
        kind => choose('right', kind));
      one('.facts', root).replaceChildren(
        definitions(meta.facts.concat([view.shown])));
      all('svg', canvas).forEach(svg => svg.remove());
      tints = { left: drawing(view, 'tint left'), right: drawing(view, 'tint right') };
      lines = drawing(view, 'lines');
      canvas.append(tints.left, tints.right, lines);
      mark = null;
      tellRegion(-1);
      panels.replaceChildren(...kinds.map(panel), byId('legend').content.cloneNode(true));
      one('.check', root).hidden = !view.outline;
      one('.map-legend', root).replaceChildren(byId('legend').content.cloneNode(true));
      check.checked = last.outline;
      zoom = 'fit';
      magnify('fit');
      if (loaded) load(true, true);
    }

    // ---- Its regions, one after the other

    function makeRegions() {
      const shown = meta.regions.length;
      one('.step', root).hidden = !shown;
      one('.regions', root).hidden = !shown;
      if (shown < row.regions) {
        one('.regions h3', root).textContent = 'The largest ' + shown + ' of '
          + count(row.regions) + ' regions';
      }
      one('.regions ol', root).replaceChildren(...meta.regions.map(function (region, index) {
        const item = document.createElement('li'), button = document.createElement('button');
        const strength = meta.strengths.length ? meta.strengths[index] : null;
        [index + 1, count(region[4]) + ' px', strength === null ? ''
          : 'strength ' + strengthText(strength)].forEach(function (text) {
          const part = document.createElement('span');
          part.textContent = text;
          button.append(part);
        });
        button.type = 'button';
        button.title = 'x ' + region[0] + ' to ' + (region[0] + region[2]) + ', y ' + region[1]
          + ' to ' + (region[1] + region[3]);
        button.onclick = () => showRegion(index);
        item.append(button);
        return item;
      }));
    }
    function tellRegion(index) {
      region = index;
      one('.which', root).textContent = index < 0
        ? count(row.regions) + (row.regions === 1 ? ' region' : ' regions')
        : 'Region ' + (index + 1) + ' of ' + count(row.regions);
      all('.regions li button', root).forEach(function (button, number) {
        button.setAttribute('aria-current', String(number === index));
        if (number === index && button.offsetParent) {
          const list = one('.regions ol', root);  // it alone scrolls, not the page
          const from = button.offsetTop - list.offsetTop, to = from + button.offsetHeight;
          if (from < list.scrollTop) list.scrollTop = from;
          else if (to > list.scrollTop + list.clientHeight) list.scrollTop = to - list.clientHeight;
        }
      });
    }
    function stepRegion(by) {
      const many = meta.regions.length;
      if (many) showRegion(region < 0 ? (by > 0 ? 0 : many - 1) : (region + by + many) % many);
    }
    function showRegion(index) {
      if (view.key !== 'whole') {
        showView('whole');
        all('.views input', root).forEach(input => { input.checked = input.value === 'whole'; });
      }
      const scale = view.width / meta.size[0];
      const [left, top, width, height] = meta.regions[index].slice(0, 4).map(px => px * scale);
      magnify('fit');
      const room = [scroll.clientWidth, parseFloat(getComputedStyle(scroll).maxHeight)];
      const fitted = scroll.clientWidth / view.width;
      const level = [4, 2, 1].find(zoom => zoom > fitted && zoom * width < .8 * room[0]
        && zoom * height < .8 * room[1]);
      if (level) {
        magnify(level, [(left + width / 2) / view.width, (top + height / 2) / view.height]);
      }
      if (!mark) {
        mark = drawing(view, 'lines mark');
        canvas.append(mark);
      }
      const far = 4 / (level || fitted);  // from the region, on the screen
      all('path', mark).forEach(path => path.setAttribute('d', 'M' + (left - far) + ' '
        + (top - far) + 'h' + (width + 2 * far) + 'v' + (height + 2 * far) + 'h'
        + -(width + 2 * far) + 'z'));
      tellRegion(index);
    }
    function load(wanted, again) {
      if (!view || (loaded === wanted && !again)) return;
      loaded = wanted;
      all('img', panels).forEach(image => fill(image, image.dataset.kind));
      show();
    }

    stage.addEventListener('pointerdown', function (event) {
      if (event.button || !view) return;
      const grip = event.target.closest('.handle');
      const mouse = event.pointerType === 'mouse';
      if (!grip && stage.classList.contains('moves')) {
        if (!mouse) return;  // a finger scrolls by itself
        drag = 'move';
      } else {
        // A finger on the picture may be about to scroll the page: see where it goes.
        drag = mouse || grip ? 'slide' : 'wait';
        start = event;
        if (mouse && !grip) slideTo(event);
        handle.focus({ preventScroll: true });
      }
      stage.setPointerCapture(event.pointerId);
    });
    function slideTo(event) {
      slide((event.clientX - scroll.getBoundingClientRect().left) / scroll.clientWidth);
    }
    stage.addEventListener('pointermove', function (event) {
      const right = event.clientX - start.clientX, down = event.clientY - start.clientY;
      if (drag === 'wait' && Math.hypot(right, down) > 6) {
        drag = Math.abs(right) > Math.abs(down) ? 'slide' : '';
      }
      if (drag === 'slide') slideTo(event);
      else if (drag === 'move') scroll.scrollBy(-event.movementX, -event.movementY);
    });
    stage.addEventListener('pointerup', function (event) {
      if (drag === 'slide' || drag === 'wait') slideTo(event);
      drag = '';
    });
    stage.addEventListener('pointercancel', function () { drag = ''; });
    stage.addEventListener('mousedown', event => event.preventDefault());  // keeps the focus
    scroll.addEventListener('scroll', place, { passive: true });
    const resize = new ResizeObserver(place);

    handle.addEventListener('keydown', function (event) {
      const step = event.shiftKey ? .1 : .02;
      const to = { ArrowLeft: at - step, ArrowDown: at - step, ArrowRight: at + step,
        ArrowUp: at + step, PageDown: at - .1, PageUp: at + .1, Home: 0, End: 1 }[event.key];
      if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      slide(to);
    });
    root.addEventListener('keydown', function (event) {
      if (event.ctrlKey || event.metaKey || event.altKey || !view) return;
      const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
      const level = ZOOMS.findIndex(pair => pair[0] === zoom);
      if (digit && digit[1] <= kinds.length) {
        choose(event.shiftKey ? 'left' : 'right', kinds[digit[1] - 1]);
      } else if (event.key === '+' && level < 3) magnify(ZOOMS[level + 1][0]);
      else if (event.key === '-' && level > 0) magnify(ZOOMS[level - 1][0]);
      else if (event.key === 'o' && view.outline) check.click();
      else if (event.key === 'r') stepRegion(1);
      else if (event.key === 'R') stepRegion(-1);
      else if (event.key === 'n') step(row, 1);
      else if (event.key === 'p') step(row, -1);
      else if (event.key === 'Escape') {
        close(row);
        one('.name', row.element).focus();
      } else return;
      event.preventDefault();
    });
    check.addEventListener('change', function () {
      last.outline = check.checked;
      show();
    });
    one('.back', root).onclick = () => stepRegion(-1);
    one('.on', root).onclick = () => stepRegion(1);
    one('.previous', root).onclick = () => step(row, -1);
    one('.next', root).onclick = () => step(row, 1);
    one('.close', root).onclick = function () {
      close(row);
      one('.name', row.element).focus();
    };
    radios(one('.zoom', root), 'zoom-' + number, ZOOMS, 'fit', magnify);
    one('.controls small', root).textContent = '1\u20135: right \u00b7 Shift+1\u20135: left '
      + '\u00b7 \u2190 \u2192: divider \u00b7 + \u2212: magnify \u00b7 O: outline '
      + '\u00b7 N P: next, previous image \u00b7 R: next region';
    row.element.append(root);
    near.observe(one('section', root));
    let state = '', isNear = true, isGone = false;
    function build() {  // measures, which is slow for a long table: where it is looked at
      if (state) return;
      state = 'asked';
      withPictures(row, function (pictures) {
        if (isGone) return;
        meta = pictures;
        const views = one('.views', root), first = meta.views[0].key;
        views.hidden = meta.views.length < 2;
        radios(views, 'view-' + number, meta.views.map(part => [part.key, part.label]), first,
          showView);
        root.classList.add('built');
        makeRegions();
        showView(first);
        resize.observe(stage);
        if (state === 'load') load(isNear);
        state = 'built';
      }, () => { if (!isGone) close(row); });
    }
    return {
      build: build,
      load: function (wanted) {
        isNear = wanted;
        if (wanted) build();
        if (state === 'asked') state = 'load';
        load(wanted);
      },
      focus: () => handle.focus({ preventScroll: true }),
      remove: function () {
        isGone = true;
        near.unobserve(one('section', root));
        resize.disconnect();
        root.remove();
      }
    };
  }
