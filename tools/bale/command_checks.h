/* tools/bale/command_checks.h -- do the options that a command was given fit together? Each says what does not, and
 * touches nothing; for the table of commands (commands.c). Those of get and put stand with these (command.h). */
#pragma once

#include "tools/bale/command.h"

bool command_check_check(const struct command_line *line, struct error *error);
bool command_check_export(const struct command_line *line, struct error *error);
bool command_check_estimate(const struct command_line *line, struct error *error);
bool command_check_explain(const struct command_line *line, struct error *error);
bool command_check_journal(const struct command_line *line, struct error *error);
bool command_check_maintain(const struct command_line *line, struct error *error);
bool command_check_backend(const struct command_line *line, struct error *error);
bool command_check_fleet(const struct command_line *line, struct error *error);
bool command_check_dict(const struct command_line *line, struct error *error);
bool command_check_keyring(const struct command_line *line, struct error *error);
bool command_check_lifecycle(const struct command_line *line, struct error *error);
bool command_check_tier(const struct command_line *line, struct error *error);
bool command_check_stamp(const struct command_line *line, struct error *error);
