# tests.mk - the tests, and what they are made with; the Makefile reads this in

# ---- tests ----

.PHONY: check suites test check-clang check-lto check-asan check-tsan check-compress check-stages check-written check-command-line check-peers \
	check-browser check-firefox check-bench bench bench-chat bench-compress lint format check-house

# With a LESSON or a CHALLENGE, check is another rule: see "the workshop".
ifeq ($(LESSON)$(CHALLENGE),)
check: ## the quick tests, in C
	@$(MAKE) --no-print-directory $(SIDE_BY_SIDE_BUILD) suites
	@SERVER=./$(SERVER) COUNTED_SERVER=$(BUILD)/server-counted NOT_RANDOM="$(NOT_RANDOM)" \
		python3 tests/harness/run.py suites $(BUILD)/tests/suites $(SUITES)
endif

SUITE_PROGRAMS = $(SUITES:%=$(BUILD)/tests/suites/%)
# The suites and what they start, as many compilers at once as there are processors, unless -j says it.
SIDE_BY_SIDE_BUILD = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
suites: $(SERVER) $(BUILD)/server-counted $(SUITE_PROGRAMS) ## build what "make check" runs

# Clients that offer no compression must notice nothing of it. (The suite of compression starts both kinds.)
# The programs have a folder of their own, because the logs lie beside them.
UNCOMPRESSED = $(filter-out 15_compression,$(SUITES))
check-compress: suites ## the same, of a server with --compress
	@mkdir -p $(BUILD)/compress && ln -sf $(UNCOMPRESSED:%=../tests/suites/%) $(BUILD)/compress
	@for program in $(SERVER) $(BUILD)/server-counted; do \
		to=$(BUILD)/compress/$${program##*/}; \
		printf '#!/bin/sh\nexec "%s" --compress "$$@"\n' "$(CURDIR)/$$program" >$$to && chmod +x $$to || exit; \
	done
	@COMPRESS=1 SERVER=$(BUILD)/compress/$(notdir $(SERVER)) \
		COUNTED_SERVER=$(BUILD)/compress/server-counted NOT_RANDOM="$(NOT_RANDOM)" \
		python3 tests/harness/run.py suites $(BUILD)/compress $(UNCOMPRESSED)

# The same server, whose calls are counted on their way, and can be made to fail.
COUNTED = recv send poll clock_gettime ioctl malloc calloc realloc mmap pthread_create accept4 setsockopt time \
	deflateInit2_ inflateInit2_ inflate
$(BUILD)/server-counted: $(BUILD)/server.o $(OBJECTS) $(BUILD)/tests/harness/counted.o
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(COUNTED:%=-Wl,--wrap=%) -o $@ $^ $(LIBS)

# What the suites share.
HARNESS = $(BUILD)/tests/harness.a
$(HARNESS): $(patsubst %,$(BUILD)/tests/harness/%.o,harness frames learn show foreign share_counts)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/tests/%.o: ALL_CPPFLAGS += -Itests/harness

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(HARNESS) $(OBJECTS)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lcunit $(LIBS)

# Keep the objects on the way to a program: make would remove those that only a pattern asks for.
.SECONDARY:

# The builds that look for memory errors, leaks and undefined behaviour; and for data races.
ASAN = BUILD=build/asan SERVER=build/asan/server CFLAGS="-O1 -g" HARDENING= \
	VARIANT="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
TSAN = BUILD=build/tsan SERVER=build/tsan/server CFLAGS="-O1 -g" HARDENING= VARIANT=-fsanitize=thread
# Thread sanitizer needs its memory where it expects it; randomised addresses may be in the way.
NOT_RANDOM = $(shell setarch -R true 2>/dev/null && echo setarch -R)

# The first find most faults soonest. Those that measure, or fill the machine, have it for themselves.
SIDE_BY_SIDE = check-proof check-written check-faults check-clang check-lto check-stages check-lessons lint check-mistakes \
	check-challenges check-workshop check-learn check-tours check-foreign check-command-line check-editor \
	check-fuzz check-environment check-compress check-house check-recordings
ALONE = check-asan check-tsan check-bench check-soak
# Programs that others wrote, which take a while to start: two at a time, and nothing else beside them.
OF_OTHERS = check-browser check-book check-firefox check-peers

test: ## all tests: tests/README.md lists them
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory check-conformance
	@$(MAKE) -s --no-print-directory $(BUILD)/tests/system/stage tests/node_modules
	@python3 tests/harness/run.py targets $(SIDE_BY_SIDE)
	@for part in $(ALONE); do $(MAKE) --no-print-directory $$part || exit; done
	@python3 tests/harness/run.py targets $(OF_OTHERS)
	@echo "All tests have passed."

check-clang: ## the quick tests, on what clang makes
	@$(MAKE) --no-print-directory check CC=clang BUILD=build/clang SERVER=build/clang/server \
		VARIANT=-Werror

check-lto: ## the same, on what gcc makes of all files at once; its warnings are errors here
	@$(MAKE) --no-print-directory check BUILD=build/lto SERVER=build/lto/server \
		CFLAGS="-O3 -flto=auto -g" VARIANT=-Werror

check-asan: ## the quick tests, looking for memory errors and undefined behaviour
	@$(MAKE) --no-print-directory check $(ASAN)

check-tsan: ## the quick tests, looking for data races
	@$(MAKE) --no-print-directory check $(TSAN)

check-stages: build/release/tests/system/stage ## every stage of the course builds and starts
	@python3 tests/system/stages.py $(call quoted,$(CURDIR)/build/stages) \
		$(call quoted,$(CURDIR)/build/release/tests/system/stage) gcc clang

# check-asan and check-tsan see the finished server. In a learner's, threads end in what is not written yet.
check-written: ## each lesson's check passes when that is written, and the next one is not
	@for lesson in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do \
		export WORKSHOP=build/written; rm -rf $$WORKSHOP && mkdir -p $$WORKSHOP && \
		python3 lessons/tools/workshop.py begin $$((lesson + 1)) >build/written.log && \
		python3 lessons/tools/workshop.py check $$lesson >build/written.log 2>&1 || \
		{ cat build/written.log; exit 1; }; \
	done
	@echo "15 lessons pass when they are written, with the sanitizers too"

tests/node_modules: tests/package-lock.json
	cd tests && npm ci --no-audit --no-fund
	@touch $@

check-command-line: $(SERVER) ## --help, the man page, what is said when something is wrong, colours
	@SERVER=$(SERVER) sh tests/system/command_line.sh

# What is too old for this is left out, with a sentence: curl of before 8.11, for one.
PEERS = build/peers
PEER = SERVER=./$(SERVER)
# Node.js 20 has its WebSocket behind an option, which older ones do not know.
NODE_WEBSOCKET = $$(node --experimental-websocket -e 0 2>/dev/null && echo --experimental-websocket)

check-peers: $(PEERS)/libwebsockets $(PEERS)/curl
check-peers: $(SERVER) tests/node_modules ## clients that others wrote: ws, curl, libsoup, ...
	$(PEER) timeout 300 node --test tests/peers/ws.test.mjs
	$(PEER) timeout 120 node $(NODE_WEBSOCKET) tests/peers/builtin.test.mjs
	$(PEER) timeout 300 /usr/bin/python3 tests/peers/websockets_test.py
	$(PEER) timeout 300 /usr/bin/python3 tests/peers/aiohttp_test.py
	$(PEER) timeout 300 /usr/bin/python3 tests/peers/libsoup_test.py
	$(PEER) sh tests/peers/with-server.sh $(PEERS)/libwebsockets
	$(PEER) COMPRESSED=1 OPTIONS=--compress sh tests/peers/with-server.sh $(PEERS)/libwebsockets
	$(PEER) sh tests/peers/with-server.sh $(PEERS)/curl
	$(PEER) sh tests/peers/with-server.sh sh tests/peers/curl.sh
	timeout 300 /usr/bin/python3 tests/peers/rules.py 'this server=./$(SERVER) --port 0'
	timeout 300 /usr/bin/python3 tests/peers/rules.py --compress 'this server=./$(SERVER) --port 0 --compress'

$(PEERS)/libwebsockets: PEER_LIBRARY = -lwebsockets
$(PEERS)/curl: PEER_LIBRARY = -lcurl
$(PEERS)/libwebsockets $(PEERS)/curl: $(PEERS)/%: $(PEERS)/%.o $(PEERS)/exchange.o
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(PEER_LIBRARY)

$(PEERS)/%.o: tests/peers/%.c tests/peers/exchange.h Makefile
	$(FOLDER)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $< || \
		sh lessons/tools/missing.sh $< $(CC) $(ALL_CPPFLAGS)

check-browser: $(SERVER) tests/node_modules ## the page, in Chromium; also behind nginx with TLS
	node --test tests/browser/modules.test.mjs tests/browser/chat.test.mjs
	$(PEER) node --test --test-concurrency=1 tests/browser/page.test.mjs \
		tests/browser/wire.test.mjs tests/browser/compression.test.mjs tests/browser/tls.test.mjs

check-firefox: $(SERVER) tests/node_modules ## the page, in Debian's Firefox
	$(PEER) sh tests/browser/firefox.sh

# ---- how fast it is ----

BENCH = build/bench
ROUNDS ?= 9
BENCH_TOOLS = $(BENCH)/load $(BENCH)/raw
BENCH_PEERS = $(BENCH)/libwebsockets $(BENCH)/beast tests/node_modules

bench: ## measure the speed, beside others (ROUNDS=9 SECONDS=.5)
bench-chat: ONE_PART = --part chat
bench-chat: ## the part of it with a chat, in four minutes
bench-compress: ONE_PART = --part compression
bench-compress: ## the part of it with compressed messages, in two
bench bench-chat bench-compress: $(SERVER) $(BENCH_TOOLS) $(BENCH_PEERS)
	/usr/bin/python3 tests/bench/bench.py --server ./$(SERVER) --folder $(BENCH) $(ONE_PART) \
		--rounds $(ROUNDS) --seconds $(or $(SECONDS),.5)

check-bench: $(SERVER) $(BENCH_TOOLS) ## the benchmark's own tools work, and notice wrong servers
	sh tests/bench/check.sh ./$(SERVER) $(BENCH)

.PHONY: compare

compare: $(SERVER) $(BENCH_PEERS) $(BENCH)/libwebsockets-poll ## the same rules put to other servers; how long each is
	@/usr/bin/python3 tests/peers/rules.py 'this server=./$(SERVER) --port 0' \
		'ws=node tests/bench/peers/ws.mjs' 'Boost.Beast=$(BENCH)/beast' \
		'libwebsockets=$(BENCH)/libwebsockets-poll' \
		'websockets=/usr/bin/python3 tests/bench/peers/python_websockets.py'
	@/usr/bin/python3 tests/peers/rules.py --compress 'this server=./$(SERVER) --port 0 --compress' \
		'ws=node tests/bench/peers/ws.mjs --compress' 'Boost.Beast=$(BENCH)/beast --compress' \
		'websockets=/usr/bin/python3 tests/bench/peers/python_websockets.py --compress'
	@for code in "server.c $(PARTS:%=%.c) $(PARTS:%=%.h)" tests/node_modules/ws/lib \
		/usr/include/boost/beast/websocket /usr/lib/python3/dist-packages/websockets; do \
		echo "lines of code: $$(cloc --quiet --csv --sum-one $$code | sed -n 's/.*SUM.*,//p') in $$code"; done

$(BENCH)/%: tests/bench/%.c Makefile
	$(FOLDER)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -o $@ $< -lz

$(BENCH)/libwebsockets-poll: LOOP = -DLOOP=0
$(BENCH)/libwebsockets $(BENCH)/libwebsockets-poll: tests/bench/peers/libwebsockets.c Makefile
	$(FOLDER)
	$(Q)$(CC) -std=c11 -O2 -Wall -Wextra $(LOOP) -o $@ $< -lwebsockets

$(BENCH)/beast: tests/bench/peers/beast.cpp Makefile
	$(FOLDER)
	$(Q)$(CXX) -std=c++17 -O2 -Wall -Wextra -pthread -o $@ $<

# ---- conformance ----

.PHONY: check-conformance

SUITE_LOGS = $(SUITES:%=$(BUILD)/tests/suites/%.log)

check-conformance: ## each rule of the standards has a test, and that has passed
	@$(if $(filter-out $(wildcard $(SUITE_LOGS)),$(SUITE_LOGS)),$(MAKE) --no-print-directory check,:)
	@python3 tests/system/conformance.py $(BUILD)/tests/suites

# ---- fuzzing ----

FUZZ = build/fuzz
FUZZ_TARGETS = request session utf8 offers
# The server's calls that are led to a peer in memory: tests/fuzz/script.h.
FUZZ_CALLS = recv send shutdown setsockopt ioctl time clock_gettime
FUZZ_FLAGS = $(ALL_CPPFLAGS) -std=c11 $(WARNINGS) -Werror -O1 -g -fno-omit-frame-pointer -pthread \
	-fsanitize=address,undefined -fno-sanitize-recover=all
SOURCES += $(wildcard tests/fuzz/*.c tests/fuzz/*.h)

.PHONY: fuzz check-fuzz

fuzz: $(FUZZ_TARGETS:%=$(FUZZ)/%) ## search for inputs that break the server (SECONDS=60 for each target)
	@nice python3 tests/fuzz/run.py $(FUZZ) $(or $(SECONDS),60) $(FUZZ_TARGETS)

check-fuzz: $(FUZZ_TARGETS:%=$(FUZZ)/%) ## the same inputs each time, some ten seconds each
	@NOT_RANDOM="$(NOT_RANDOM)" nice python3 tests/fuzz/run.py $(FUZZ) same $(FUZZ_TARGETS)

$(FUZZ)/%: $(FUZZ)/tests/%.o $(FUZZ)/tests/script.o $(PARTS:%=$(FUZZ)/%.o)
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer $(FUZZ_CALLS:%=-Wl,--wrap=%) -o $@ $^ $(LIBS)

# What the fuzzer learns from is the server's code, not that of its tests.
$(FUZZ)/%.o: %.c $(wildcard *.h) Makefile
	$(FOLDER)
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

$(FUZZ)/tests/%.o: tests/fuzz/%.c $(wildcard tests/fuzz/*.h *.[ch]) Makefile
	$(FOLDER)
	$(Q)clang $(FUZZ_FLAGS) -c -o $@ $<

# ---- faults ----

# Without _FORTIFY_SOURCE, with which the compiler puts other calls in their place (__recv_chk).
NOT_FORTIFIED = -U_FORTIFY_SOURCE
$(BUILD)/tests/system/faults.o: HARDENING = $(NOT_FORTIFIED)

.PHONY: check-faults faults

check-faults: ## every call fails once, one after another, under each sanitizer
	@$(MAKE) --no-print-directory faults $(ASAN) BUILD=build/faults-asan HARDENING=$(NOT_FORTIFIED)
	@$(MAKE) --no-print-directory faults $(TSAN) BUILD=build/faults-tsan HARDENING=$(NOT_FORTIFIED)

faults: $(BUILD)/server-counted $(BUILD)/tests/system/faults ## the same on this build alone
	@COUNTED_SERVER=$(BUILD)/server-counted $(NOT_RANDOM) $(BUILD)/tests/system/faults

# ---- mistakes ----

MISTAKES = build/mistakes
MISTAKE ?=
.PHONY: check-mistakes

check-mistakes: ## the tests catch what others got wrong, and say what (MISTAKE=name)
	@$(MAKE) -s --no-print-directory BUILD=$(MISTAKES) CFLAGS="-O1 -g" $(MISTAKES)/server.o \
		$(OBJECTS:$(BUILD)/%=$(MISTAKES)/%) $(SUITES:%=$(MISTAKES)/tests/suites/%.o) \
		$(HARNESS:$(BUILD)/%=$(MISTAKES)/%)
	@CC="$(CC)" NOT_RANDOM="$(NOT_RANDOM)" python3 tests/mistakes/check.py $(MISTAKES) $(MISTAKE)

# ---- challenges ----

.PHONY: check-challenges

check-challenges: ## the challenges' answers fit the code, and their checks catch wrong ones (CHALLENGE=clock)
	@python3 tests/challenges/check.py build/challenges $(CHALLENGE)

# ---- load and abuse ----

.PHONY: soak-once check-soak soak

SOAK ?= short

soak-once: $(SERVER) $(BUILD)/tests/system/soak ## load and abuse of this build (SOAK=short, or full)
	@SERVER=./$(SERVER) $(NOT_RANDOM) $(BUILD)/tests/system/soak $(SOAK)

check-soak: ## crowds, bad clients, running out of everything; again under sanitizers
	@$(MAKE) --no-print-directory soak-once
	@$(MAKE) --no-print-directory soak-once $(ASAN)
	@$(MAKE) --no-print-directory soak-once $(TSAN)

soak: ## the same at full size
	@$(MAKE) --no-print-directory soak-once SOAK=full

# ---- the code's form ----

# cppcheck does not see that the fuzzers' require() ends where memory is lacking.
lint: compile_commands.json ## clang-tidy and cppcheck
	clang-tidy --quiet -p . --warnings-as-errors='*' $(filter %.c,$(SOURCES))
	cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
		--suppress=normalCheckLevelMaxBranches --suppress=ctunullpointerOutOfMemory \
		--std=c11 -D_GNU_SOURCE -DCLIENT_DIRECTORY='""' $(filter %.c,$(SOURCES))

format: ## lay out all C files as .clang-format says
	clang-format -i $(SOURCES)

check-house: ## Makefile, texts, headers and files fit together
	@python3 tests/system/house.py

# What the C files are made into, apart from those that lessons/tools/build.py builds.
COMPILED = $(patsubst %.c,$(BUILD)/%.o,server.c $(PARTS:%=%.c) $(wildcard lessons/challenges/*/answer/*.c) \
		$(foreach folder,suites harness system,$(wildcard tests/$(folder)/*.c))) \
	$(patsubst tests/bench/%.c,$(BENCH)/%,$(wildcard tests/bench/*.c)) \
	$(patsubst tests/fuzz/%.c,$(FUZZ)/tests/%.o,$(wildcard tests/fuzz/*.c)) \
	$(patsubst tests/peers/%.c,$(PEERS)/%.o,$(wildcard tests/peers/*.c))
compile_commands.json: FORCE ## how each C file is compiled, for editors and clang-tidy
	@MAKE="$(MAKE)" python3 lessons/tools/compile_commands.py $@ $(COMPILED)
