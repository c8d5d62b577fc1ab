const line = document.getElementById("line");

async function show() {
  const answer = await fetch("/ui/status");
  const status = await answer.json();
  line.textContent = status.line ?? status.error;
}

new EventSource("/v1/events").onmessage = show;
show();
