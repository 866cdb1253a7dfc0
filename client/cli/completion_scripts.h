// The completion scripts of shells. All knowledge is in `descent __complete`; the scripts only hand
// it the words up to the cursor.
#ifndef DESCENT_CLIENT_CLI_COMPLETION_SCRIPTS_H_
#define DESCENT_CLIENT_CLI_COMPLETION_SCRIPTS_H_

namespace descent::cli {

inline constexpr char kBashCompletion[] = R"_(# bash completion for descent
_descent() {
  local line=${COMP_LINE:0:COMP_POINT} words candidate
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  COMPREPLY=()
  while IFS=$'\t' read -r candidate _; do
    if [[ $candidate == :files ]]; then
      compopt -o default
      return
    fi
    [[ $candidate == *= ]] && compopt -o nospace
    COMPREPLY+=("$candidate")
  done < <("${words[0]/#\~/$HOME}" __complete -- "${words[@]:1}" 2>/dev/null)
}
complete -F _descent descent
)_";

inline constexpr char kZshCompletion[] = R"_(#compdef descent
_descent() {
  local -a values dials
  local candidate description
  while IFS=$'\t' read -r candidate description; do
    if [[ $candidate == ":files" ]]; then
      _files
      return
    fi
    local entry="${candidate//:/\\:}${description:+:$description}"
    if [[ $candidate == *= ]]; then dials+=("$entry"); else values+=("$entry"); fi
  done < <("${(Q)words[1]/#\~/$HOME}" __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( $#values )) && _describe -t values 'descent' values
  (( $#dials )) && _describe -t dials 'dial' dials -S ''
}
if [[ "$funcstack[1]" == "_descent" ]]; then
  _descent "$@"
else
  compdef _descent descent
fi
)_";

inline constexpr char kFishCompletion[] = R"_(# fish completion for descent
function __descent_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (command descent __complete -- $words[2..-1] "$current" 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c descent -f -a '(__descent_complete)'
)_";

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_COMPLETION_SCRIPTS_H_
