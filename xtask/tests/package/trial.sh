#!/bin/sh
# The life of the package on a Debian 12 whose process 1 is systemd. It ends at the first step that fails.
set -eux

ready() {
    curl --retry 50 --retry-delay 1 --retry-connrefused -sSf http://127.0.0.1:8080/readyz
    systemctl is-active syncwell
}
records() {
    curl -sSf -H "Authorization: Bearer $key" http://127.0.0.1:8080/v1/users/ann/records | tee /dev/stderr |
        grep -c '"value":71.5'
}

: it installs, and is not started before it has its settings
dpkg --install /trial/old.deb
test "$(systemctl is-active syncwell)" = inactive
test -s /etc/syncwell/syncwell.key.cred
! grep -rE '^[0-9a-f]{64}$' /etc/syncwell
getent passwd syncwell
test -e /usr/share/man/man1/syncwell-serve.1.gz
test ! -e /usr/share/man/man1/syncwell-demo.1.gz
test -s /usr/share/bash-completion/completions/syncwell

: it starts
printf 'the client secret' | systemd-creds encrypt --name=secret_withings - /etc/syncwell/secrets/withings
sed -i 's/sync.example.com/sync.example.org/' /etc/syncwell/production.toml
systemctl enable --now syncwell
ready
key=$(syncwell-run key create --scope app)
curl -sSf -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
    --data '{"records":[{"app_id":"1","start":"2026-03-04T06:15:00+02:00","measurement":{"type":"weight","value":71.5}}]}' \
    http://127.0.0.1:8080/v1/users/ann/records

test "$(systemctl show --property NotifyAccess --value syncwell)" = main
systemctl status --no-pager syncwell | grep 'Status: "All is well; 0 connected'
test "$(systemctl is-active syncwell.socket)" = active

: it is restarted and reloaded, and no request fails
(
    while test ! -e /tmp/enough; do
        curl -sS -o /dev/null http://127.0.0.1:8080/healthz || { touch /tmp/failed; exit 1; }
    done
) &
for restart in 1 2 3; do systemctl restart syncwell; done
sed -i 's/^format = "json"/&\nfilter = "debug"/' /etc/syncwell/production.toml
systemctl reload syncwell
touch /tmp/enough
wait
test ! -e /tmp/failed
timeout 20 sh -c "until journalctl --no-pager --unit syncwell | grep 'taken_over.*log.filter'; do sleep 0.2; done"

: it is upgraded: a new process, the old settings, the old data
before=$(systemctl show --property MainPID --value syncwell)
dpkg --install /trial/new.deb
ready
test "$(systemctl show --property MainPID --value syncwell)" != "$before"
dpkg-query --show --showformat '${Version}' syncwell | grep -Fx "$(cat /trial/version)"
grep sync.example.org /etc/syncwell/production.toml
records

: it stops cleanly, and is started again
systemctl stop syncwell
test "$(systemctl show --property Result --value syncwell)" = success
systemctl start syncwell
ready

: it is removed, and its data stays
dpkg --remove syncwell
test "$(systemctl is-active syncwell syncwell.socket | sort -u)" = inactive
test -s /etc/syncwell/syncwell.key.cred
dpkg --install /trial/new.deb
systemctl enable --now syncwell
ready
records

: it is purged, and nothing stays
dpkg --purge syncwell
left=$(find / -xdev -iname '*syncwell*' ! -path '/proc/*' ! -path '/run/*' ! -path '/trial/*' ! -path '/var/log/*')
test -z "$left"
: done
