package flinkonmesos;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The statements of a script, which end with a semicolon, but for those in a statement set. */
final class SqlScript {
    private final String text;
    private final List<String> statements = new ArrayList<>();
    private final StringBuilder statement = new StringBuilder();
    private int at;

    private SqlScript(String text) {
        this.text = text;
    }

    /** Without comments and empty ones. */
    static List<String> statements(String text) {
        SqlScript script = new SqlScript(text);
        while (script.at < script.text.length()) {
            script.step();
        }
        script.end();
        return script.statements;
    }

    private void step() {
        char next = text.charAt(at);
        if (text.startsWith("--", at)) {
            at = past("\n", "");
            statement.append('\n');
        } else if (text.startsWith("/*", at) && !text.startsWith("/*+", at)) {
            at = past("*/", "a comment that begins with /* has no */");
            statement.append(' ');
        } else if (next == '\'' || next == '"' || next == '`') {
            int begin = at;
            at++;
            at = past(String.valueOf(next), "what begins with " + next + " has no end");
            statement.append(text, begin, at);
        } else if (next == ';' && !isInSet()) {
            end();
            at++;
        } else {
            statement.append(next);
            at++;
        }
    }

    /** Behind the next mark; with no complaint the end of the text is one too. */
    private int past(String mark, String complaint) {
        int found = text.indexOf(mark, at);
        if (found < 0 && !complaint.isEmpty()) {
            // Without the text, which may hold passwords.
            long line = 1 + text.substring(0, at).chars().filter(next -> next == '\n').count();
            throw new IllegalArgumentException("line " + line + ": " + complaint);
        }
        return found < 0 ? text.length() : found + mark.length();
    }

    private boolean isInSet() {
        String soFar = statement.toString().trim().replaceAll("\\s+", " ").toUpperCase(Locale.ROOT);
        boolean begins = soFar.startsWith("EXECUTE STATEMENT SET BEGIN") || soFar.startsWith("BEGIN STATEMENT SET");
        return begins && !soFar.endsWith("; END") && !soFar.endsWith(";END");
    }

    private void end() {
        String whole = statement.toString().trim();
        if (!whole.isEmpty()) {
            statements.add(whole);
        }
        statement.setLength(0);
    }
}
