"""Korean. Sentences are built so that no particle follows a name or a figure whose last sound is not known."""

SENTENCES = {
    # Verdicts.
    "decision.invalid": "수치를 해석하지 마십시오",
    "decision.harmful": "중단하십시오: 악영향이 확인되었습니다",
    "decision.ship": "적용을 권합니다",
    "decision.no_effect": "의미 있는 효과가 없습니다",
    "decision.keep_running": "계속 진행합니다",
    "decisions.invalid": "해석 불가 {count}건",
    "decisions.harmful": "중단 {count}건",
    "decisions.ship": "적용 {count}건",
    "decisions.no_effect": "효과 없음 {count}건",
    "decisions.keep_running": "계속 진행 {count}건",
    # Why a verdict is what it is.
    "reason.sample_ratio_mismatch": "그룹별 대상 수가 계획한 비율과 다릅니다: {counts}. 배정 또는 배정 기록에 문제가 있습니다.",
    "reason.sample_ratio_mismatch.variant": "{variant} {units} (실제 {observed}, 계획 {planned})",
    "reason.contamination": "{units}개 대상({share})이 둘 이상의 그룹에 노출되었습니다. 허용 한도는 {limit}입니다.",
    "reason.schedule_broken": (
        "노출 {violations}건({share})이 해당 구역과 시간대에 일정으로 정한 그룹과 다릅니다. 허용 한도는 {limit}입니다."
    ),
    "reason.no_units": "아직 노출된 대상이 없습니다.",
    "reason.guardrail_harmed": "{effect}: 허용 한도 {margin}보다 더 나빠졌습니다. 변화는 {change}입니다.",
    "reason.guardrail_unproven": (
        "{effect}: 안전하다고 확인되지 않았습니다. 허용 한도 {margin}보다 나쁠 가능성이 남아 있습니다. 변화는 {change}입니다."
    ),
    "reason.primary_worse": "{effect}: 나빠졌습니다. 변화는 {change}입니다.",
    "reason.primary_better": "{effect}: 좋아졌습니다. 변화는 {change}입니다.",
    "reason.inside_band": "{effect}: 변화가 ±{band} 이내여서 실질적인 의미가 없습니다. 변화는 {change}입니다.",
    "reason.undecided": "{effect}: 아직은 변화가 있다고 말할 수 없습니다. 현재 변화는 {change}입니다.",
    "reason.ended_undecided": "계획한 기간이 끝났지만 여전히 변화가 있다고 말할 수 없습니다. {effect}의 변화는 {change}입니다.",
    "reason.no_estimate": "{effect}: 추정값이 없습니다. 이유: {why}.",
    "reason.metric_missing": "{metric}: 추정값이 없습니다.",
    "reason.any_metric": "지표 하나",
    "reason.unknown": "데이터를 신뢰할 수 없습니다. 이유는 데이터 경고에 있습니다.",
    # Effects.
    "effect": "{treatment} 그룹의 {metric}",
    "effect.change": "{estimate} (구간 {interval})",
    "effect.none": "추정값 없음",
    "effect.none_why": "추정값 없음 ({why})",
    "effect.no_relative": "상대 변화 없음 ({why}), {finding}",
    "interval": "{low} ~ {high}",
    "interval.unbounded": "한계 없음",
    "share.none": "비율 없음",
    "finding.better": "개선",
    "finding.worse": "악화",
    "finding.harmed": "허용 한도 {margin}보다 악화",
    "finding.inside_band": "±{band} 이내, 실질적인 의미 없음",
    "finding.safe": "{margin} 넘는 악화는 없음",
    "finding.unproven": "{margin} 넘는 악화 가능성이 남아 있음",
    "finding.undecided": "아직 변화가 있다고 말할 수 없음",
    "finding.ended_undecided": "변화가 있다고 말할 수 없음",
    # Why the statistics have no estimate or no test.
    "why.of_control": "대조군: {why}",
    "why.of_treatment": "실험군: {why}",
    "why.too_few_units": "대상이 둘보다 적음",
    "why.zero_denominator": "분모가 0",
    "why.no_variation": "두 그룹 모두 값이 전혀 달라지지 않아 검정할 수 없음",
    "why.all_zero": "실험군의 모든 값이 0이어서 대조군 대비 비율의 오차를 구할 수 없음",
    "why.zero_in_control": "대조군의 {level} % 신뢰구간에 0이 포함됨",
    "why.no_window": "결과가 있는 시간대가 없음",
    "why.no_contrast": "구역과 시각 안에서 그룹이 달라지지 않음",
    "why.few_clusters": "군집이 둘보다 적음",
    "why.one_cluster": "효과가 군집 하나에만 달려 있어 오차를 알 수 없음",
    "why.no_spread": "값이 전혀 달라지지 않아 검정할 수 없음",
    "why.not_by_window": "분위수, 상한이 있는 지표, 노출 후 일수를 정한 지표는 시간대별로 추정하지 않음",
    "why.not_enough_units": "대상이 부족함",
    "why.undefined": "정의되지 않음",
    "why.no_observation": "관측값이 없음",
    "why.nothing_above": "분위수보다 큰 관측값이 없어 표준오차가 없음",
    "why.same_share": "모든 대상에서 분위수 이하의 비율이 같아 표준오차가 없음",
    "why.few_observations": "이 분위수의 구간을 구하기에는 대상이나 관측값이 너무 적음",
    "why.one_value": "관측값이 모두 같아 분위수의 표준오차가 없음",
    # Planning.
    "outlook.days.one": "{effect} 변화를 확인하기까지 약 {count}일",
    "outlook.days.many": "{effect} 변화를 확인하기까지 약 {count}일",
    "outlook.there": "{effect} 변화를 확인할 대상 수 확보",
    "outlook.beyond": "{effect} 변화를 확인하려면 {units} 필요, 예정된 수로는 부족",
    "interaction": (
        "{effect}: 다른 실험 {other}의 영향을 받습니다. 그 실험의 {treatment} 그룹에 속한 대상에서는 대조군에 속한 대상과 비교해 효과가 "
        "{difference}만큼 다릅니다."
    ),
    "remark.segments": ("{effect}: 효과가 {dimension}에 따라 다릅니다. {first_segment}: {first}, {last_segment}: {last} (보정 p {p})."),
    "remark.fades": (
        "{effect}: 노출 후 날이 지날수록 효과가 줄어듭니다. 직선으로 보면 1일째 {first}, {days}일째 {last}입니다 (보정 p {p}). "
        "장기적인 효과는 표시된 값보다 작을 수 있습니다."
    ),
    "remark.grows": ("{effect}: 노출 후 날이 지날수록 효과가 커집니다. 직선으로 보면 1일째 {first}, {days}일째 {last}입니다 (보정 p {p})."),
    # What changed since the day before.
    "change.first": "다이제스트에 처음 포함되었습니다",
    "change.same": "어제와 같은 판정입니다",
    "change.same_then": "어제와 같은 판정입니다 (어제의 변화 {estimate})",
    "change.changed": "어제와 달라졌습니다: {before} → {after}",
    "change.new": "변경",
    # The day.
    "day.heading": "{day} {weekday} 실험 현황",
    "day.orders": "주문 {orders}건, 배달 완료 {deliveries}건 · {experiments}",
    "day.notification": "{day} 실험 현황: {sentence}",
    "day.none_running": "진행 중인 실험이 없습니다.",
    "day.none_running_start": "진행 중인 실험이 없습니다. {folder} 폴더에 파일을 추가하면 실험이 시작됩니다.",
    "day.no_decision": "오늘 결정이 필요한 실험은 없습니다.",
    "day.important": "{verdict}. 실험: {title}.",
    "experiments.one": "실험 {count}건",
    "experiments.many": "실험 {count}건",
    "experiments.parts": "{experiments}: {parts}",
    "warnings.one": "데이터 경고 {count}건",
    "warnings.many": "데이터 경고 {count}건",
    "warnings.blocking": "{warnings}, 그중 차단 {blocking}건",
    "warnings.below": "{warnings}, 아래에 있습니다",
    "warnings.more": "그 밖의 데이터 경고 {count}건은 보고서 페이지에 있습니다",
    "warnings.left_out": "이 실험은 파일을 고칠 때까지 제외됩니다.",
    "warnings.broken_rows": (
        "{objects}에서 {rows}이 규격에 맞지 않아 제외되었습니다. 예: {example}. "
        "제외된 행은 ops.rejected_rows에 있습니다 (허용 한도 {accepted})."
    ),
    "warnings.rows.one": "{count}개 행",
    "warnings.rows.many": "{count}개 행",
    "warnings.objects.one": "파일 {count}개",
    "warnings.objects.many": "파일 {count}개",
    "restated": "정정",
    "restated.line": "정정: {sentence}",
    "restated.withheld": "{title}: {day} 기준 {effect} 수치가 발행 후 달라졌습니다. {cause}",
    "restated.moved": "{title}: {day} 기준 {effect} 수치가 {before}에서 {after}로 정정되었습니다. {cause}",
    "restated.more": "그 밖의 정정 {count}건은 보고서 페이지에 있습니다",
    "restated.cause.plan": "실험 파일 또는 지표의 정의가 바뀌었습니다.",
    "restated.cause.late": "{dates}의 {feeds} 데이터가 첫 결과 이후에 도착했거나 수정되었습니다.",
    "restated.cause.late_objects": "{dates}의 {feeds} 데이터가 첫 결과 이후에 도착했거나 수정되었습니다: {objects}.",
    "restated.cause.more": "{objects} 외 {count}건",
    "restated.cause.deliveries": "배달",
    "restated.cause.exposures": "노출",
    "restated.cause.both": "배달과 노출",
    "restated.cause.dates": "{first} ~ {last}",
    "more.effects.one": "그 밖의 주요 지표 효과 {count}건은 실험 페이지에 있습니다",
    "more.effects.many": "그 밖의 주요 지표 효과 {count}건은 실험 페이지에 있습니다",
    "more.lines": "그 밖에 {count}건",
    "more.experiments": "… 그 밖에 {count}건: {pages}",
    "more.pages": "보고서 페이지",
    "more.all_experiments": "모든 실험",
    "footnote": "괄호 안은 구간입니다. 실험 중에는 매일 보아도 유효한 구간이고, 계획한 기간이 끝나면 고정 시점 구간입니다.",
    "alarm.date": "영업일 {day}",
    "alarm.title": "{title} ({day})",
    # Units.
    "units.courier.one": "배달원 {count}명",
    "units.courier.many": "배달원 {count}명",
    "units.store.one": "매장 {count}곳",
    "units.store.many": "매장 {count}곳",
    "units.customer.one": "고객 {count}명",
    "units.customer.many": "고객 {count}명",
    "units.zone.one": "구역 {count}곳",
    "units.zone.many": "구역 {count}곳",
    "units.window.one": "구역별 시간대 {count}개",
    "units.window.many": "구역별 시간대 {count}개",
    "unit.courier": "배달원",
    "unit.store": "매장",
    "unit.customer": "고객",
    "unit.zone": "구역",
    "unit.window": "구역별 시간대",
    "unit.courier.plural": "배달원",
    "unit.store.plural": "매장",
    "unit.customer.plural": "고객",
    "unit.zone.plural": "구역",
    "unit.window.plural": "구역별 시간대",
    # Time.
    "progress": "{planned}일 중 {done}일째",
    "progress.ended": "{progress}, 계획한 기간 종료",
    "progress.days": "{planned}일 중 {done}일",
    "date": "{year}년 {month} {day}일",
    "date.short": "{month} {day}일",
    "period": "{year}년 {first_month} {first_day}일 ~ {last_month} {last_day}일",
    "period.years": "{first_year}년 {first_month} {first_day}일 ~ {last_year}년 {last_month} {last_day}일",
    **{f"month.{month}{form}": f"{month}월" for month in range(1, 13) for form in ("", ".short")},
    "weekday.1": "월요일",
    "weekday.2": "화요일",
    "weekday.3": "수요일",
    "weekday.4": "목요일",
    "weekday.5": "금요일",
    "weekday.6": "토요일",
    "weekday.7": "일요일",
    # The pages.
    "page.title": "실험 현황, {day}",
    "page.skip": "본문으로 건너뛰기",
    "page.as_of": "{day} 기준",
    "page.all_experiments": "모든 실험",
    "page.orders": "주문",
    "page.delivered": "배달 완료",
    "page.experiments": "실험",
    "page.warnings": "데이터 경고",
    "page.blocking": "차단",
    "page.warning": "경고",
    "page.withheld": "효과를 표시하지 않습니다",
    "page.withheld_why": "효과를 표시하지 않습니다: {why}",
    "page.withheld_all": (
        "어떤 효과도 믿을 수 없으므로 표시하지 않습니다. 원인을 고친 뒤 새로운 대상으로 실험을 다시 시작하십시오. "
        "원인을 찾는 데 필요한 모든 수치는 {table} 테이블에 있습니다."
    ),
    "page.no_primary": "주요 지표의 효과 없음",
    "page.more": "그 밖에 {count}건",
    "page.index_note": (
        "모든 막대의 눈금은 같고 가운데가 변화 없음입니다. 음영은 실질적인 의미가 없을 만큼 작은 변화입니다. "
        "구간은 실험 중에는 매일 보아도 유효한 구간이고, 계획한 기간이 끝나면 고정 시점 구간입니다."
    ),
    "page.verdict": "판정",
    "page.other_warnings.one": "오늘 데이터 경고가 {count}건 있습니다.",
    "page.other_warnings.many": "오늘 데이터 경고가 {count}건 있습니다.",
    "page.see_all": "모든 실험 보기",
    "page.trust": "믿을 수 있습니까?",
    "page.ratio": "배정 비율",
    "page.ratio_holds": "배정 비율이 계획과 맞습니다",
    "page.ratio_broken": "배정 비율이 계획과 다릅니다",
    "page.schedule": "일정",
    "page.schedule_kept": "일정이 지켜졌습니다",
    "page.schedule_broken": "일정이 지켜지지 않았습니다",
    "page.schedule_note": (
        "노출 {exposures}건 중 {violations}건이 일정과 다른 그룹이고 {outside}건은 일정 밖입니다. 허용 한도는 {limit}입니다."
    ),
    "page.windows": "시간대",
    "page.windows_note": (
        "구역 {zones}곳, 구역마다 {minutes}분 길이의 계획된 시간대 {windows}개. 전환 후 {burn_in}분과 그 사이의 주문 "
        "{orders}건은 제외합니다."
    ),
    "page.by_design": "일정의 설계에 따른 결과",
    "page.by_design_method": "방법",
    "page.by_design_effect": "상대 효과",
    "page.by_design_redrawn": "일정 재추첨 p값",
    "page.by_design_carryover": "이월 효과 p값",
    "page.by_design_regression": "회귀",
    "page.by_design_note": (
        "Hájek과 Horvitz–Thompson은 앞선 시간대 {order}개까지의 이월 효과를 허용합니다. 회귀는 허용하지 않으므로 이월 효과 "
        "p값이 작으면 회귀를 그대로 믿을 수 없습니다. 일정 재추첨은 다른 일정이 뽑혔더라도 이만큼 큰 효과가 우연히 나올 "
        "비율입니다."
    ),
    "page.one_variant": "대상마다 한 그룹",
    "page.clean": "대상마다 한 그룹에만 노출되었습니다",
    "page.contaminated": "여러 그룹에 노출된 대상이 너무 많습니다",
    "page.contamination_note": "둘 이상의 그룹에 노출되어 분석에서 제외된 대상: {units}. 허용 한도는 {limit}입니다.",
    "page.variant": "그룹",
    "page.control": "대조군",
    "page.treatment": "실험군",
    "page.is_control": "대조군",
    "page.share": "비율",
    "page.planned_share": "계획",
    "page.ratio_running": (
        "p {sequential}: 매일 보아도 유효합니다 (일별 대상 수의 순차 검정). χ² 검정 p {fixed}. 경보 수준은 {level}입니다."
    ),
    "page.ratio_ended": "χ² 검정 p {fixed}. 전체 기간 p {sequential} (순차 검정). 경보 수준은 {level}입니다.",
    "page.split.days.fine": "노출일별 비율: 모든 날에 계획과 맞습니다",
    "page.split.days.alike": "노출일별 비율: 특별히 두드러지는 날은 없습니다",
    "page.split.days.broken": "노출일별 비율: 계획과 다른 날 {parts}",
    "page.split.segments.fine": "세그먼트별 비율: 모든 세그먼트에서 계획과 맞습니다",
    "page.split.segments.alike": "세그먼트별 비율: 특별히 두드러지는 세그먼트는 없습니다",
    "page.split.segments.broken": "세그먼트별 비율: 계획과 다른 세그먼트 {parts}",
    "page.exposure_day": "노출일",
    "page.adjusted_p": "보정 p",
    "page.effects": "효과",
    "page.by_segment": "세그먼트별",
    "page.segment": "세그먼트",
    "page.segments_summary": "{effect}, {dimension}별: {test}",
    "page.segments_alike": "우연 이상의 차이가 없습니다 (보정 p {p})",
    "page.segments_differ": "효과가 서로 다릅니다 (보정 p {p})",
    "page.segments_weekly": "매주 말에 검정합니다",
    "page.segments_few": "대상 수가 충분한 세그먼트가 부족해 비교할 수 없습니다",
    "page.segments_more.one": "더 작은 세그먼트 {count}개는 results.experiment_results에 있습니다.",
    "page.segments_more.many": "더 작은 세그먼트 {count}개는 results.experiment_results에 있습니다.",
    "page.segments_suppressed.one": "세그먼트 {count}개는 표시하지 않습니다. 한 그룹의 {units} 수가 {least}보다 적습니다.",
    "page.segments_suppressed.many": "세그먼트 {count}개는 표시하지 않습니다. 한 그룹의 {units} 수가 {least}보다 적습니다.",
    "page.segments_note": ("검정에서 차이가 없으면, 두드러져 보이는 세그먼트는 우연입니다. 각 구간은 그 세그먼트 하나에 대한 것입니다."),
    "page.by_day": "노출 후 일별",
    "page.day_since_exposure": "일째",
    "page.by_day_summary": "{effect}, 노출 후 일별: {test}",
    "page.trend_none": "우연 이상의 추세가 없습니다 (보정 p {p})",
    "page.trend_found": "날이 지나며 달라집니다 (보정 p {p})",
    "page.trend_unknown": "추세를 알 수 없습니다",
    "page.by_day_note": ("{days}일 모두 관찰된 대상: {units}. 노출 당일은 제외합니다. 각 구간은 고정 시점이며 그 하루에 대한 것입니다."),
    "page.metric": "지표",
    "page.difference": "차이",
    "page.change": "상대 변화",
    "page.anytime": "상시 유효",
    "page.fixed": "고정 시점",
    "page.interval_p": "구간, p",
    "page.interval_p_adjusted": "구간, p, 보정 p",
    "page.adjusted": "보정 {p}",
    "page.is_adjusted": "조정됨",
    "page.without_value": "값이 없는 주문 {share}",
    "page.role.primary": "주요 지표",
    "page.role.secondary": "보조 지표",
    "page.role.guardrail": "가드레일",
    "page.direction.increase": "높을수록 좋음",
    "page.direction.decrease": "낮을수록 좋음",
    "page.shaded": (
        "모든 막대의 눈금은 같고 가운데가 변화 없음입니다. 음영은 의미 없는 변화(주요 지표) 또는 허용되는 변화(가드레일)입니다."
    ),
    "page.counts_running": "실험 중에는 상시 유효 구간만 판정에 쓰입니다. 이 구간은 매일 보아도 됩니다.",
    "page.counts_ended": "계획한 기간이 끝났으므로 고정 시점 구간이 판정에 쓰입니다.",
    "page.outlook": "얼마나 더 걸립니까?",
    "page.outlook_matters": "의미 있는 최소 변화",
    "page.outlook_needed": "필요한 대상 수",
    "page.outlook_to_go": "남은 일수",
    "page.outlook_detectable": "계획한 종료일에 확인되는 변화",
    "page.outlook_note": (
        "매일 보거나 계획한 종료일에 볼 때의 확인 확률은 각각 {power}입니다. 지금까지의 분산과 최근 2주간의 대상 수로 계산했습니다. "
        "예측이며 보장은 아닙니다."
    ),
    "page.details": "같은 수치를 다르게 보기",
    "page.details_note": (
        "나을 확률과 기대 손실은 같은 데이터를 확률로 본 것이며, “변화는 아마 ±{prior} 이내”라는 가정에서 출발합니다. "
        "판정에는 쓰이지 않으며, 일찍 들여다보는 데 따르는 오류를 막아 주지 않습니다."
    ),
    "page.chance": "나을 확률",
    "page.loss": "기대 손실",
    "page.credible": "가능성이 높은 변화",
    "page.variance_removed": "제거된 분산",
    "page.unadjusted": "조정 전",
    "page.safe_p": "p, 허용 한도보다 나쁘지 않음",
    "page.course": "기간에 따른 변화",
    "page.course_caption": "{role}, 상대 변화",
    "page.course_title": "{effect}: 기준일별 상대 변화와 상시 유효 구간",
    "page.course_days": "일별 표",
    "page.course_as_of": "기준일",
    "page.course_change": "변화",
    "page.course_interval": "상시 유효 구간",
    "page.course_note": (
        "선: 시작일부터 각 기준일까지의 추정값입니다. 띠: 상시 유효 구간입니다. "
        "음영: 의미 없는 변화(주요 지표) 또는 허용되는 변화(가드레일)입니다. 점선: 계획한 종료일입니다."
    ),
    "page.about": "실험 정보",
    "page.owner": "담당",
    "page.service": "서비스",
    "page.unit": "실험 단위",
    "page.planned": "계획한 기간",
    "page.progress": "진행",
    "page.experiment": "실험 ID",
    "page.registry": "등록 버전",
    "page.methods": "수치를 구하는 방법",
    "page.method.welch": ("평균과 비율: {unit}별 차이이며 사건이 없는 대상은 0으로 셉니다. 분산과 자유도는 Welch 방식입니다."),
    "page.method.delta": (
        "합의 비: 합을 합으로 나누며, 분산은 {units} 단위의 델타 방법으로 구합니다. "
        "따라서 한 {unit}의 주문들을 서로 독립이라고 보지 않습니다."
    ),
    "page.method.quantile": (
        "분위수: 값이 있는 모든 주문 중에서 관측된 값입니다. 분산은 그 값 이하인 주문의 {units}별 비율로 구합니다. "
        "따라서 한 {unit}의 주문들을 서로 독립이라고 보지 않습니다."
    ),
    "page.method.cuped": (
        "조정된 효과: 같은 {units}의 노출 전 기록으로 설명되는 차이를 덜어 냅니다(CUPED). "
        "구간이 좁아지며 어느 한 그룹에 유리해지지 않습니다."
    ),
    "page.method.cr2": (
        "한 그룹의 {units} 수가 50보다 적으면, 합의 비에는 적은 수의 군집에 맞는 분산과 자유도를 씁니다(CR2, Bell–McCaffrey)."
    ),
    "page.method.levels": (
        "모든 구간의 수준은 {level}입니다. 상시 유효 구간은 계획한 대상 수에 맞춘 점근 신뢰열이며, 모든 날에 동시에 성립합니다."
    ),
    "page.method.families": (
        "보정 p: 주요 지표와 실험군에는 Holm, 보조 지표에는 Benjamini–Hochberg 방법을 씁니다. "
        "가드레일은 허용 한도에 대해 하나씩 단측으로 검정합니다."
    ),
    "page.method.switchback": (
        "전환 실험: {units} 단위의 회귀로 구역과 시각의 영향을 뺍니다. 표준오차와 자유도는 적은 수의 군집에 맞추고(CR2), 군집은 "
        "일정에서 한 번에 뽑은 단위입니다. 언제나 유효한 구간은 이 군집의 수를 기준으로 합니다."
    ),
    "page.method.ratio": (
        "배정 비율: 노출된 모든 {units} 수를 계획한 비율과 비교합니다. 실험 중에는 일별 대상 수의 순차 다항 검정을, 계획한 기간이 끝나면 "
        "χ² 검정을 씁니다. 노출일별 검정은 Holm 방법으로 보정합니다."
    ),
    # The terminal.
    "console.as_of": "{experiment}, {day} 기준",
    "console.left_out": "여기에는 수치를 표시하지 않습니다. 원인을 찾을 때는 `--format json` 또는 `--format csv` 출력을 보십시오.",
    "console.metric": "지표",
    "console.role": "역할",
    "console.treatment": "실험군",
    "console.units": "대상 수",
    "console.absolute": "절대 변화",
    "console.relative": "상대 변화",
}
