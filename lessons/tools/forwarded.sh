#!/bin/sh
# Starts a server so that pages can connect which a browser gets through GitHub Codespaces. Elsewhere
# it starts it as it is.
#
#     lessons/tools/forwarded.sh ./server --wire --port 9000      (make run and make mine do, there)
#
# There, the server listens on its own machine, and the browser sees https://NAME-PORT.app.github.dev; a
# proxy is between them. If the Origin is that address, the server may get it as it is, or as
# localhost with http or https, which the proxy writes in its place; the Host line may hold either too.
# So that no combination is rejected, all three are allowed by name. The Origin of another site's page
# comes as it is, and is rejected. PORT is what the server is told, else 8080.
port=8080 before=''
for word; do
    case $before,$word in
    *,--p*=*) port=${word#*=} ;;
    *,-p?* | *,-[wv]*p?*) port=${word#-*p} ;;
    --p*=*,*) ;;
    --p*,* | -p,* | -[wv]*p,*) port=$word ;;
    esac
    before=$word
done
if [ -n "${CODESPACE_NAME:-}" ]; then
    domain=${GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN:-app.github.dev}
    for origin in "https://$CODESPACE_NAME-$port.$domain" \
        "http://localhost:$port" "https://localhost:$port"; do
        set -- "$@" --origin "$origin"
    done
fi
exec "$@"
