"""What the dashboard does while its connection is lost, and after."""


def test_lost_connection_is_shown_at_once_and_gone_when_back(watched, run, server):
    assert not watched.all(".banner")
    server.go_away()
    watched.one(".banner", "Connection lost")
    watched.wait(
        lambda: "lost" in watched.driver.find_element("css selector", "body").get_attribute("class")
    )
    watched.wait(lambda: not watched.one(".dial form input").is_enabled())
    run.advance(250)
    server.come_back()
    watched.wait(lambda: watched.drawn_to() == 750)
    watched.wait(lambda: not watched.all(".banner"))
    assert watched.one(".dial form input").is_enabled()


def test_every_revision_once_over_cut_connections(page, run, server):
    page.open(server.url)
    page.run(
        """const {Watch} = await import('/watch.js');
        window.seen = [];
        window.watch = new Watch('jobs/mlp', {
          onEvents: (events) => window.seen.push(...events.map((e) => Number(e.revision))),
          onJob() {}, onRefusal() {}, onEnd: () => (window.ended = true),
        });"""
    )
    for watches in range(1, 7):
        run.advance(60)
        page.wait(
            lambda watches=watches: (
                server.watches >= watches
                and page.driver.execute_script("return window.seen.length") >= len(run.journal)
            )
        )
        run.advance(40)
        server.cut()
    run.command({"request_id": "end", "commands": [{"stop": {}}]})
    page.wait(lambda: page.driver.execute_script("return window.ended"))
    assert page.driver.execute_script("return window.seen") == list(range(1, len(run.journal) + 1))
    assert server.watches == 7


def test_server_sent_events_are_read_across_chunks(page, server):
    page.open(server.url)
    assert page.run(
        """const {messages} = await import('/sse.js');
        const text = ': keep-alive\\n\\nid: 1\\nevent: iteration\\ndata: {"a":"ü"}\\n\\nid: 2\\r\\ndata: x\\r\\n\\r\\n: keep-alive\\n\\nid: 9\\n\\n';
        const bytes = new TextEncoder().encode(text);
        const stream = new ReadableStream({start(c) {
          for (const b of bytes) c.enqueue(new Uint8Array([b]));
          c.close();
        }});
        const all = [];
        for await (const batch of messages(stream)) all.push(...batch);
        return all;"""
    ) == [
        {"id": "1", "event": "iteration", "data": '{"a":"ü"}'},
        {"id": "2", "event": "message", "data": "x"},
        {"id": "9", "event": "message"},
    ]
